-- The stored tables of the lineage log. Private: people and programs read the views of views.sql.
-- Ids are dense integers in the order of first mention; times are UTC epoch nanoseconds; there are no
-- indexes, keys or sequences, because arrival order already lets a scan skip what it does not need.
CREATE SCHEMA store;

CREATE TABLE store.meta (key VARCHAR, value VARCHAR);
COMMENT ON TABLE store.meta IS 'One row per property of the log itself: format, uuid, created_by';
COMMENT ON COLUMN store.meta.key IS 'Name of the property';
COMMENT ON COLUMN store.meta.value IS 'Its value as text';

CREATE TABLE store.journals (journal VARCHAR, byte_end BIGINT, records BIGINT, broken BIGINT, ingested_ns BIGINT, digest VARCHAR);
COMMENT ON TABLE store.journals IS 'Which bytes of which journal are in the log; written in the transaction of the rows themselves, the largest byte_end of a journal counts';
COMMENT ON COLUMN store.journals.journal IS 'File name of the journal';
COMMENT ON COLUMN store.journals.byte_end IS 'First byte that is not ingested yet';
COMMENT ON COLUMN store.journals.records IS 'Lines taken in this ingest';
COMMENT ON COLUMN store.journals.broken IS 'How many of them could not be read as a record';
COMMENT ON COLUMN store.journals.ingested_ns IS 'When, UTC epoch nanoseconds';
COMMENT ON COLUMN store.journals.digest IS 'sha256 of the bytes taken in this ingest; null where an older provfs took them';

CREATE TABLE store.boots (boot VARCHAR, host VARCHAR, clock VARCHAR, offset_ns BIGINT);
COMMENT ON TABLE store.boots IS 'One row per boot of a host: how its journal clock becomes UTC; the first offset seen is kept, so that order within a boot never changes';
COMMENT ON COLUMN store.boots.boot IS 'First 12 hex digits of the boot id, the first part of every execution name';
COMMENT ON COLUMN store.boots.host IS 'Host name';
COMMENT ON COLUMN store.boots.clock IS 'boottime or realtime';
COMMENT ON COLUMN store.boots.offset_ns IS 'Nanoseconds to add to a journal time to get UTC epoch nanoseconds';

CREATE TABLE store.executions (
    execution_id BIGINT, name VARCHAR, parent_id BIGINT, program_id BIGINT, host VARCHAR, pid BIGINT,
    started_ns BIGINT, user_name VARCHAR, command VARCHAR[], cwd VARCHAR, executable VARCHAR,
    code_uri VARCHAR, code_digest VARCHAR, git_commit VARCHAR, git_dirty BOOLEAN,
    job_system VARCHAR, job_key VARCHAR, rank BIGINT, context VARCHAR, entry_pid BIGINT, entry_started_ns BIGINT,
    login_user VARCHAR, container VARCHAR, environment VARCHAR[], packages VARCHAR, input_pipe VARCHAR,
    output_pipe VARCHAR
);
COMMENT ON TABLE store.executions IS 'One row per operating-system process; a process that is only known as a parent has nulls from host on';
COMMENT ON COLUMN store.executions.execution_id IS 'Dense id in order of first mention';
COMMENT ON COLUMN store.executions.name IS 'Name in the journals: boot-pid-start';
COMMENT ON COLUMN store.executions.parent_id IS 'Nearest captured ancestor process; null where none';
COMMENT ON COLUMN store.executions.program_id IS 'execution_id of the root of the program that this execution belongs to';
COMMENT ON COLUMN store.executions.host IS 'Host name';
COMMENT ON COLUMN store.executions.pid IS 'Process id';
COMMENT ON COLUMN store.executions.started_ns IS 'Start, UTC epoch nanoseconds';
COMMENT ON COLUMN store.executions.user_name IS 'User the process ran as';
COMMENT ON COLUMN store.executions.command IS 'Command line, secrets removed';
COMMENT ON COLUMN store.executions.cwd IS 'Working directory at the start';
COMMENT ON COLUMN store.executions.executable IS 'Path of the program file';
COMMENT ON COLUMN store.executions.code_uri IS 'Main script; null where there is none';
COMMENT ON COLUMN store.executions.code_digest IS 'Digest of the main script at the start';
COMMENT ON COLUMN store.executions.git_commit IS 'Commit checked out around the main script or working directory';
COMMENT ON COLUMN store.executions.git_dirty IS 'Whether tracked files differed from the commit; null where not known';
COMMENT ON COLUMN store.executions.job_system IS 'Batch or workflow system that started it';
COMMENT ON COLUMN store.executions.job_key IS 'Key that all processes of one job share';
COMMENT ON COLUMN store.executions.rank IS 'Rank within the job';
COMMENT ON COLUMN store.executions.context IS 'Notebook, task or request that the process as a whole serves';
COMMENT ON COLUMN store.executions.entry_pid IS 'Process id of the parent''s own child on the way to this execution; null where it is this execution';
COMMENT ON COLUMN store.executions.entry_started_ns IS 'Start of that child, UTC epoch nanoseconds; null likewise';
COMMENT ON COLUMN store.executions.login_user IS 'User who logged in, where another user runs the process; null where not known';
COMMENT ON COLUMN store.executions.container IS 'Id of the container; null outside one';
COMMENT ON COLUMN store.executions.environment IS 'Chosen environment variables as NAME=value, secrets removed';
COMMENT ON COLUMN store.executions.packages IS 'Digest of the installed packages, see store.packages; null where not known';
COMMENT ON COLUMN store.executions.input_pipe IS 'Pipe at standard input when it began, pipe:[inode]; null where there is none';
COMMENT ON COLUMN store.executions.output_pipe IS 'Pipe at standard output when it began, likewise';

CREATE TABLE store.code (execution_id BIGINT, uri VARCHAR, digest VARCHAR);
COMMENT ON TABLE store.code IS 'Files of the project''s own code that an execution ran or imported';
COMMENT ON COLUMN store.code.execution_id IS 'The execution';
COMMENT ON COLUMN store.code.uri IS 'Uri of the file';
COMMENT ON COLUMN store.code.digest IS 'Digest of the file as it was then';

CREATE TABLE store.packages (digest VARCHAR, names VARCHAR[]);
COMMENT ON TABLE store.packages IS 'Sets of installed packages, one row each';
COMMENT ON COLUMN store.packages.digest IS 'Digest of the set';
COMMENT ON COLUMN store.packages.names IS 'The packages as name==version, sorted';

CREATE TABLE store.contexts (execution_id BIGINT, context VARCHAR, kind VARCHAR, label VARCHAR, began_ns BIGINT, sources VARCHAR[]);
COMMENT ON TABLE store.contexts IS 'Borders inside an execution: notebook cells, tasks, requests';
COMMENT ON COLUMN store.contexts.execution_id IS 'The execution';
COMMENT ON COLUMN store.contexts.context IS 'Name of the context, as on reads and writes';
COMMENT ON COLUMN store.contexts.kind IS 'cell, task or request';
COMMENT ON COLUMN store.contexts.label IS 'What people call it; null where nothing';
COMMENT ON COLUMN store.contexts.began_ns IS 'When it began, UTC epoch nanoseconds';
COMMENT ON COLUMN store.contexts.sources IS 'Earlier contexts of the execution whose data it uses; null where not known, then all';

CREATE TABLE store.exits (
    execution_id BIGINT, ended_ns BIGINT, exit_code BIGINT, cpu_s DOUBLE, max_rss_bytes BIGINT,
    read_bytes BIGINT, written_bytes BIGINT, lost_records BIGINT
);
COMMENT ON TABLE store.exits IS 'What an execution said of itself when it ended in order';
COMMENT ON COLUMN store.exits.execution_id IS 'The execution';
COMMENT ON COLUMN store.exits.ended_ns IS 'End, UTC epoch nanoseconds';
COMMENT ON COLUMN store.exits.exit_code IS 'Exit status, -N for signal N; null where the process did not know it';
COMMENT ON COLUMN store.exits.cpu_s IS 'User and system time, seconds';
COMMENT ON COLUMN store.exits.max_rss_bytes IS 'Peak resident memory';
COMMENT ON COLUMN store.exits.read_bytes IS 'Bytes read by system calls';
COMMENT ON COLUMN store.exits.written_bytes IS 'Bytes written by system calls';
COMMENT ON COLUMN store.exits.lost_records IS 'Records that could not be written';

CREATE TABLE store.waits (
    execution_id BIGINT, child_pid BIGINT, child_id BIGINT, began_ns BIGINT, at_ns BIGINT, exit_code BIGINT, cpu_s DOUBLE,
    max_rss_bytes BIGINT, read_bytes BIGINT, written_bytes BIGINT
);
COMMENT ON TABLE store.waits IS 'A parent waited for a child process to end';
COMMENT ON COLUMN store.waits.execution_id IS 'The parent; for a process started by provfs run, the child itself';
COMMENT ON COLUMN store.waits.child_pid IS 'Process id of the child';
COMMENT ON COLUMN store.waits.child_id IS 'execution_id of the child where it was named and known when the wait was ingested; else null';
COMMENT ON COLUMN store.waits.began_ns IS 'For a wait that started the child itself (child_pid 0): when, UTC epoch nanoseconds';
COMMENT ON COLUMN store.waits.at_ns IS 'When the wait returned, UTC epoch nanoseconds';
COMMENT ON COLUMN store.waits.exit_code IS 'Exit status of the child, -N for signal N';
COMMENT ON COLUMN store.waits.cpu_s IS 'User and system time of the child and what it waited for, seconds; null where not known';
COMMENT ON COLUMN store.waits.max_rss_bytes IS 'Peak resident memory of the child; null where not known';
COMMENT ON COLUMN store.waits.read_bytes IS 'Bytes that the child read by system calls; null where not known';
COMMENT ON COLUMN store.waits.written_bytes IS 'Bytes that the child wrote by system calls; null where not known';

CREATE TABLE store.relations (program_id BIGINT, other_id BIGINT, relation VARCHAR, started_ns BIGINT, waited_ns BIGINT, context VARCHAR, sources VARCHAR[]);
COMMENT ON TABLE store.relations IS 'The closure of the tree of programs: for each writing program, whose reads may have reached it; derived, replaced when programs or waits arrive';
COMMENT ON COLUMN store.relations.program_id IS 'The program that writes';
COMMENT ON COLUMN store.relations.other_id IS 'The program that reads';
COMMENT ON COLUMN store.relations.relation IS 'self, ancestor, descendant or peer (another rank of the job): what the reading program is to the writing one';
COMMENT ON COLUMN store.relations.started_ns IS 'ancestor: when it started its own child on the path to the writer; reads must be earlier. Otherwise null';
COMMENT ON COLUMN store.relations.waited_ns IS 'descendant: when the writer had waited for its own child on the path, all links waited for; writes must close later. Otherwise null';
COMMENT ON COLUMN store.relations.context IS 'ancestor, descendant: the context in which the upper program started its own child on the path; null where not known';
COMMENT ON COLUMN store.relations.sources IS 'The sources of that context; null where not known';

CREATE TABLE store.artifacts (artifact_id BIGINT, uri VARCHAR, kind VARCHAR, first_seen_ns BIGINT, place_id BIGINT);
COMMENT ON TABLE store.artifacts IS 'One row per uri that was ever mentioned';
COMMENT ON COLUMN store.artifacts.artifact_id IS 'Dense id in order of first mention';
COMMENT ON COLUMN store.artifacts.uri IS 'Canonical uri';
COMMENT ON COLUMN store.artifacts.kind IS 'dataset, model, metrics, config or other, by the patterns in force at ingest';
COMMENT ON COLUMN store.artifacts.first_seen_ns IS 'First mention, UTC epoch nanoseconds';
COMMENT ON COLUMN store.artifacts.place_id IS 'The directory that it lies in';

CREATE TABLE store.versions (
    version_id BIGINT, artifact_id BIGINT, digest VARCHAR, size_bytes BIGINT, fingerprint VARCHAR,
    origin VARCHAR, created_ns BIGINT, execution_id BIGINT, complete BOOLEAN, scratch BOOLEAN
);
COMMENT ON TABLE store.versions IS 'One row per immutable state of an artifact';
COMMENT ON COLUMN store.versions.version_id IS 'Dense id in order of first mention';
COMMENT ON COLUMN store.versions.artifact_id IS 'Where it is now; follows a rename within the program that wrote it';
COMMENT ON COLUMN store.versions.digest IS 'Tagged digest of the whole content; null where it could not be had';
COMMENT ON COLUMN store.versions.size_bytes IS 'Size in bytes; null where not known';
COMMENT ON COLUMN store.versions.fingerprint IS 'Fingerprint when it was first seen';
COMMENT ON COLUMN store.versions.origin IS 'written, observed or renamed';
COMMENT ON COLUMN store.versions.created_ns IS 'When it came to be here: close of the write, the rename, or for observed versions the change time of the file; UTC epoch nanoseconds';
COMMENT ON COLUMN store.versions.execution_id IS 'The writer; null where unknown';
COMMENT ON COLUMN store.versions.complete IS 'False where the writer did not close it in order';
COMMENT ON COLUMN store.versions.scratch IS 'True where the program that made it removed it again';

CREATE TABLE store.sightings (version_id BIGINT, artifact_id BIGINT, fingerprint VARCHAR, at_ns BIGINT);
COMMENT ON TABLE store.sightings IS 'Under which uri and fingerprint a version was seen; later accesses are matched to versions by it';
COMMENT ON COLUMN store.sightings.version_id IS 'The version';
COMMENT ON COLUMN store.sightings.artifact_id IS 'The artifact it was seen as';
COMMENT ON COLUMN store.sightings.fingerprint IS 'Its fingerprint there; ends in :* where a rename left the change time open';
COMMENT ON COLUMN store.sightings.at_ns IS 'From when on, UTC epoch nanoseconds';

CREATE TABLE store.endings (version_id BIGINT, ended_ns BIGINT);
COMMENT ON TABLE store.endings IS 'Versions that were removed or moved away, as opposed to replaced by a newer one';
COMMENT ON COLUMN store.endings.version_id IS 'The version';
COMMENT ON COLUMN store.endings.ended_ns IS 'When, UTC epoch nanoseconds';

CREATE TABLE store.reads (
    execution_id BIGINT, program_id BIGINT, version_id BIGINT, opened_ns BIGINT, closed_ns BIGINT, opens BIGINT,
    bytes BIGINT, ranges BIGINT[][], thread BIGINT, context VARCHAR, channel VARCHAR, unstable BOOLEAN
);
COMMENT ON TABLE store.reads IS 'Openings for reading; several rows of one execution and version add up';
COMMENT ON COLUMN store.reads.execution_id IS 'The execution that read';
COMMENT ON COLUMN store.reads.program_id IS 'Its program';
COMMENT ON COLUMN store.reads.version_id IS 'The version that was read';
COMMENT ON COLUMN store.reads.opened_ns IS 'First open, UTC epoch nanoseconds';
COMMENT ON COLUMN store.reads.closed_ns IS 'Last close';
COMMENT ON COLUMN store.reads.opens IS 'How often it was opened';
COMMENT ON COLUMN store.reads.bytes IS 'Bytes delivered; null where not known';
COMMENT ON COLUMN store.reads.ranges IS 'Byte ranges [start, end) that were read; null where the whole content was or it is not known';
COMMENT ON COLUMN store.reads.thread IS 'Thread or task that opened it; null where not known';
COMMENT ON COLUMN store.reads.context IS 'Notebook cell, task or request; null where none is known';
COMMENT ON COLUMN store.reads.channel IS 'What saw it: fsspec, open, audit, preload or agent';
COMMENT ON COLUMN store.reads.unstable IS 'True where the content changed while it was read';

CREATE TABLE store.writes (
    execution_id BIGINT, program_id BIGINT, version_id BIGINT, opened_ns BIGINT, closed_ns BIGINT,
    bytes BIGINT, thread BIGINT, context VARCHAR, channel VARCHAR, copied BOOLEAN
);
COMMENT ON TABLE store.writes IS 'Openings for writing that left a version';
COMMENT ON COLUMN store.writes.execution_id IS 'The execution that wrote';
COMMENT ON COLUMN store.writes.program_id IS 'Its program';
COMMENT ON COLUMN store.writes.version_id IS 'The version that was made';
COMMENT ON COLUMN store.writes.opened_ns IS 'Open, UTC epoch nanoseconds';
COMMENT ON COLUMN store.writes.closed_ns IS 'Close; for a killed writer its last sign of life';
COMMENT ON COLUMN store.writes.bytes IS 'Bytes taken; null where not known';
COMMENT ON COLUMN store.writes.thread IS 'Thread or task that opened it; null where not known';
COMMENT ON COLUMN store.writes.context IS 'Notebook cell, task or request; null where none is known';
COMMENT ON COLUMN store.writes.channel IS 'What saw it: fsspec, open, audit, preload or agent';
COMMENT ON COLUMN store.writes.copied IS 'True where the content is that of an artifact which the same program had read';

CREATE TABLE store.links (
    input_version_id BIGINT, output_version_id BIGINT, execution_id BIGINT, rule VARCHAR, confidence DOUBLE,
    read_ns BIGINT, written_ns BIGINT
);
COMMENT ON TABLE store.links IS 'Edges that stand for one pair each (rename, copy); all others are computed from reads, writes and relations';
COMMENT ON COLUMN store.links.input_version_id IS 'The older version';
COMMENT ON COLUMN store.links.output_version_id IS 'The version that depends on it';
COMMENT ON COLUMN store.links.execution_id IS 'The execution that did it; null where not seen';
COMMENT ON COLUMN store.links.rule IS 'rename or copy';
COMMENT ON COLUMN store.links.confidence IS '0 to 1';
COMMENT ON COLUMN store.links.read_ns IS 'When the input was opened or existed, UTC epoch nanoseconds';
COMMENT ON COLUMN store.links.written_ns IS 'When the output was closed, moved or came to be';

CREATE TABLE store.openings (
    execution_id BIGINT, id BIGINT, artifact_id BIGINT, opened_ns BIGINT, thread BIGINT, context VARCHAR, channel VARCHAR
);
COMMENT ON TABLE store.openings IS 'Files open for writing as far as the log knows; a row goes when the access arrives or the writer is found dead';
COMMENT ON COLUMN store.openings.execution_id IS 'The execution that writes';
COMMENT ON COLUMN store.openings.id IS 'Number of the access in its execution';
COMMENT ON COLUMN store.openings.artifact_id IS 'What is being written';
COMMENT ON COLUMN store.openings.opened_ns IS 'Since when, UTC epoch nanoseconds';
COMMENT ON COLUMN store.openings.thread IS 'Thread or task that opened it';
COMMENT ON COLUMN store.openings.context IS 'Notebook cell, task or request';
COMMENT ON COLUMN store.openings.channel IS 'What saw it';

CREATE TABLE store.places (place_id BIGINT, uri VARCHAR);
COMMENT ON TABLE store.places IS 'One row per directory in which an artifact lies';
COMMENT ON COLUMN store.places.place_id IS 'Dense id in order of first mention';
COMMENT ON COLUMN store.places.uri IS 'Uri of the directory, without a slash at the end';

CREATE TABLE store.homes (program_id BIGINT, place_id BIGINT);
COMMENT ON TABLE store.homes IS 'One row per program that has read or written: the place it stands for in store.flows; a choice that is never changed, and of no meaning beyond';
COMMENT ON COLUMN store.homes.program_id IS 'The program';
COMMENT ON COLUMN store.homes.place_id IS 'Where it wrote first, or the home of a related program that writes; null as long as nothing that it read can have gone into anything written';

CREATE TABLE store.flows (from_side BIGINT, to_side BIGINT);
COMMENT ON TABLE store.flows IS 'A coarse graph that holds every path of every walk, and more: which places data can have gone from and to. A walk looks only at programs that it reaches. Rows are added and never removed';
COMMENT ON COLUMN store.flows.from_side IS 'A side of a place: 2 place_id + 1 for versions written by programs at home there, or that lie there and nobody was seen to write; 2 place_id for what programs at home there read';
COMMENT ON COLUMN store.flows.to_side IS 'Where it can have gone, likewise';

CREATE TABLE store.changes (at_ns BIGINT, artifact_id BIGINT, kind VARCHAR, version_id BIGINT, execution_id BIGINT, channel VARCHAR);
COMMENT ON TABLE store.changes IS 'What happened to an artifact other than through an access of a known execution';
COMMENT ON COLUMN store.changes.at_ns IS 'When, UTC epoch nanoseconds';
COMMENT ON COLUMN store.changes.artifact_id IS 'To which artifact';
COMMENT ON COLUMN store.changes.kind IS 'removed, renamed, created, modified, observed, attributes or read';
COMMENT ON COLUMN store.changes.version_id IS 'The version that was there, or is there now for created, modified, observed; null where none is known';
COMMENT ON COLUMN store.changes.execution_id IS 'Who did it; null where not known';
COMMENT ON COLUMN store.changes.channel IS 'What saw it';

CREATE TABLE store.gaps (at_ns BIGINT, execution_id BIGINT, channel VARCHAR, kind VARCHAR, count BIGINT, detail VARCHAR);
COMMENT ON TABLE store.gaps IS 'What is known to be missing';
COMMENT ON COLUMN store.gaps.at_ns IS 'When it was noticed, UTC epoch nanoseconds';
COMMENT ON COLUMN store.gaps.execution_id IS 'In which execution; null where it concerns none';
COMMENT ON COLUMN store.gaps.channel IS 'Which channel lost something';
COMMENT ON COLUMN store.gaps.kind IS 'What sort of loss: broken-line, lost-records, unseen-write and others';
COMMENT ON COLUMN store.gaps.count IS 'How many';
COMMENT ON COLUMN store.gaps.detail IS 'Where, in words';
