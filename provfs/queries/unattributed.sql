-- Changes without a program that was seen making them, newest first.
SELECT * FROM unattributed() ORDER BY changed_at DESC, uri;
