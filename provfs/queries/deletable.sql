-- What can go without a loss of content, largest first.
SELECT * FROM deletable(unused_days := ?) ORDER BY size_bytes DESC NULLS LAST, uri;
