"""Random nights over a folder that others change, with a journal; nothing may be lost."""
