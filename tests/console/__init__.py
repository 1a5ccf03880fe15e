"""The console: what its pages say, its journal, its words and its colours."""
