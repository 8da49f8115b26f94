-- One row of an inline projection, as the append hands it to apply_<projection>. `facts` holds the query columns by their names.
create type credledger.inline_row as (
  command int,
  projection text,
  id uuid,
  tenant_id uuid,
  version int,
  record bytea,
  mac bytea,
  facts jsonb
);
