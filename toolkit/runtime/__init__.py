"""What the machine, the file system and the installed Keras give and ask: one small file each."""
