-- Operators as they are. They belong to the platform: `tenant_id` is null.
create table credledger.operators (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid,
  version int not null,
  record bytea not null,
  mac bytea not null,
  all_tenants boolean not null,
  disabled boolean not null,
  -- keyed digests: who it is at the identity provider, and the address that an open invitation was sent to
  identity text,
  invited_as text,
  -- the version of the event whose personal row holds the name
  name_version int not null,
  -- the tenants that it reaches; empty with all_tenants
  reached uuid[] not null,
  role text not null,
  primary key (ledger_id, id)
);
-- queries/page.sql, by role
create index operators_by_role on credledger.operators (ledger_id, role, id);
-- queries/sign_in.sql
create index operators_by_identity on credledger.operators (ledger_id, identity) where identity is not null;
create index operators_by_invitation on credledger.operators (ledger_id, invited_as) where invited_as is not null;
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.operators_facts as (
  all_tenants boolean,
  disabled boolean,
  identity text,
  invited_as text,
  name_version int,
  reached uuid[],
  role text
);
