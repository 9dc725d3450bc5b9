"""Effects of groups: side by side, within subgroups, and with what comes after baseline."""
