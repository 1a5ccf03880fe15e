"""Fixtures every folder of tests may use."""

from tests.support.buses import bus
from tests.support.data import data_dir
from tests.support.servers import database, nats_pair, nats_single, postgres

__all__ = ["bus", "data_dir", "database", "nats_pair", "nats_single", "postgres"]
