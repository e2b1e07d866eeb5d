#!/usr/bin/python3 -s
from dcmsend.cli.console import console

console()
