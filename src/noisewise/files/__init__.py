"""Writing: whole or not at all, whenever the writer is killed, and readable by what comes after it."""

from noisewise.files.atomic import check_new, check_writable, final, fresh_folder, occupied, whole, whole_folder
from noisewise.files.csv import read_cell, safe_cell, write_csv
from noisewise.files.json import digest, is_whole, to_json, write_json
from noisewise.files.locks import lease
from noisewise.files.publishing import recover
from noisewise.files.temporaries import flush_all, flush_folder

__all__ = [
    "check_new",
    "check_writable",
    "digest",
    "final",
    "flush_all",
    "flush_folder",
    "fresh_folder",
    "is_whole",
    "lease",
    "occupied",
    "read_cell",
    "recover",
    "safe_cell",
    "to_json",
    "whole",
    "whole_folder",
    "write_csv",
    "write_json",
]
