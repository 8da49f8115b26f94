-- Hands rows to their projections. The list of inline projections is closed, and stands here. Rows of one projection stand together;
-- `row_facts` are texts of the type <projection>_facts. Returns how many rows found their projection; whether a row is newer than the
-- one that is held there is judged by it.
create or replace function credledger.apply_inline(
  ledger int, row_projection text[], row_id uuid[], row_tenant uuid[], row_version int[], row_record bytea[], row_mac bytea[],
  row_facts text[]
) returns bigint language plpgsql
as $function$
declare
  projection text;
  a int;
  z int;
  found bigint;
  applied bigint := 0;
begin
  for projection, a, z, found in
    select u.projection, min(u.place), max(u.place), count(*) from unnest(row_projection) with ordinality as u(projection, place)
      group by u.projection
  loop
    if found <> z - a + 1 then
      raise exception using errcode = 'CL002', message = format('the rows of %s do not stand together', projection);
    end if;
    case projection
      when 'tenants' then
        perform credledger.apply_tenants(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'plans' then
        perform credledger.apply_plans(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'imports' then
        perform credledger.apply_imports(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'signing_keys' then
        perform credledger.apply_signing_keys(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'erasures' then
        perform credledger.apply_erasures(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'members' then
        perform credledger.apply_members(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'credentials' then
        perform credledger.apply_credentials(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'secrets' then
        perform credledger.apply_secrets(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'operators' then
        perform credledger.apply_operators(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      when 'operator_tokens' then
        perform credledger.apply_operator_tokens(
          ledger, row_id[a:z], row_tenant[a:z], row_version[a:z], row_record[a:z], row_mac[a:z], row_facts[a:z]);
      -- counted by nobody, so that the append refuses the batch
      else continue;
    end case;
    applied := applied + found;
  end loop;
  return applied;
end
$function$;
