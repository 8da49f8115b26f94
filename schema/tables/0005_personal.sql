-- What a person typed or can be known by, one row an event at most; the entry holds only salted hashes of it, so that it can be
-- erased while every proof still holds. Keyed by stream and version, which are known before the position is.
create table credledger.personal (
  ledger_id int not null,
  stream_id uuid not null,
  version int not null,
  tenant_id uuid,
  subject uuid not null,
  slots json not null check (json_typeof(slots) = 'object'),
  primary key (ledger_id, stream_id, version)
);
comment on column credledger.personal.slots is '{"member": ["<salt>", value]}, canonical: a text that comes back as it was written, a number never longer';
