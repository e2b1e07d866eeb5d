#!/usr/bin/python3 -s
from dcmsend.cli.journal_command import console

console()
