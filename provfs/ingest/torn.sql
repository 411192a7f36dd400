-- A journal that its writer could not complete. Parameters: the time of the ingest, and which journal, in words.
INSERT INTO store.gaps VALUES ($now_ns, NULL, NULL, 'torn-journal', 1, $detail);
