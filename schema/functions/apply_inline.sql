-- Hands the rows of the winning commands to their projections. The list of inline projections is closed, and stands here.
create or replace function credledger.apply_inline(
  ledger int, verdicts smallint[], row_command int[], row_projection text[], row_id uuid[], row_tenant uuid[],
  row_version int[], row_record bytea[], row_mac bytea[], row_facts text[]
) returns bigint language plpgsql
as $function$
declare
  tenants credledger.inline_row[];
  credentials credledger.inline_row[];
  secrets credledger.inline_row[];
  operators credledger.inline_row[];
  operator_tokens credledger.inline_row[];
begin
  select array_agg(r.whole) filter (where r.projection = 'tenants'),
         array_agg(r.whole) filter (where r.projection = 'credentials'),
         array_agg(r.whole) filter (where r.projection = 'secrets'),
         array_agg(r.whole) filter (where r.projection = 'operators'),
         array_agg(r.whole) filter (where r.projection = 'operator_tokens')
    into tenants, credentials, secrets, operators, operator_tokens
    from (
      select u.projection,
             row(u.command, u.projection, u.id, u.tenant_id, u.version, u.record, u.mac, u.facts::jsonb)::credledger.inline_row as whole
        from unnest(row_command, row_projection, row_id, row_tenant, row_version, row_record, row_mac, row_facts)
          as u(command, projection, id, tenant_id, version, record, mac, facts)
        where verdicts[u.command + 1] = 0
    ) r;
  if tenants is not null then perform credledger.apply_tenants(ledger, tenants); end if;
  if credentials is not null then perform credledger.apply_credentials(ledger, credentials); end if;
  if secrets is not null then perform credledger.apply_secrets(ledger, secrets); end if;
  if operators is not null then perform credledger.apply_operators(ledger, operators); end if;
  if operator_tokens is not null then perform credledger.apply_operator_tokens(ledger, operator_tokens); end if;
  return coalesce(cardinality(tenants), 0) + coalesce(cardinality(credentials), 0) + coalesce(cardinality(secrets), 0)
    + coalesce(cardinality(operators), 0) + coalesce(cardinality(operator_tokens), 0);
end
$function$;
