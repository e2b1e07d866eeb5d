"""The codecs, one module for each family of compressed frames; ``registry`` maps transfer syntaxes to them."""
