"""The codecs, one module for each family of compressed frames; ``registry`` says which is for what."""
