"""The landing folder, read: `files` says which files a day holds, `lines` turns their bytes into lines.

Writing into landing is `ingestion`'s trade; judging lines is `transforms`'.
"""
