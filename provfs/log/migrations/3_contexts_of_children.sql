-- Format 3: in which context of a program its children were started, for the rules parent and child.
ALTER TABLE store.relations ADD COLUMN context VARCHAR;
ALTER TABLE store.relations ADD COLUMN sources VARCHAR[];
COMMENT ON COLUMN store.relations.relation IS 'self, ancestor, descendant or peer (another rank of the job): what the reading program is to the writing one';
COMMENT ON COLUMN store.relations.context IS 'ancestor, descendant: the context in which the upper program started its own child on the path; null where not known';
COMMENT ON COLUMN store.relations.sources IS 'The sources of that context; null where not known';
