-- A set of installed packages.
SELECT name, version FROM packages WHERE packages_digest = ? ORDER BY name;
