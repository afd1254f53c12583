"""Files in and out: photos, packs, arrays, formats, and writing whole or not at all."""
