"""Whether data is good enough to go on: `gate` holds arrival days. Rules of single lines are in `contracts`."""
