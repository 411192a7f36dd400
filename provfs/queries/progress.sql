-- How many bytes of each journal are in the log.
SELECT journal, max(byte_end) AS byte_end FROM store.journals GROUP BY journal;
