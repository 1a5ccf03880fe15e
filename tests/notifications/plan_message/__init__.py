"""What a client hears of a day ahead, when that day is put right, taken back, or named again."""
