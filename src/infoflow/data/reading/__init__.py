"""What the kinds of data sets share: local files, downloads, audio, images."""
