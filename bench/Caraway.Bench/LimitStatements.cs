namespace Caraway.Bench;

/// <summary>The statements of the limit server. They read and write the same rows as those of the product.</summary>
internal static class LimitStatements
{
    public const string OpenCase = """
        with opened as (
            insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
            values (nextval('advocacy.applicants_id_seq'), $4, 'NEW', $5, $5)
            returning id, applicant_id
        ), applicant as (
            insert into advocacy.applicants (id, full_name, email, phone, created_at) overriding system value
            select applicant_id, $1, $2, $3, $5 from opened
        ), moved as (
            insert into advocacy.status_events (case_id, to_status, actor, reason, created_at)
            select id, 'NEW', 'system', 'case created from intake', $5 from opened
        ), logged as (
            insert into platform.events (at, name, subject, actor, request_id, address, payload)
            select $5, 'case.opened', 'advocacy.case:' || id, 'limit', 'limit', 'limit',
                json_build_object('case_id', id, 'applicant_id', applicant_id)::text
            from opened
        )
        select id from opened
        """;

    public const string OneCase = """
        select c.id, c.narrative, c.current_status, c.assignee, c.created_at, c.updated_at,
            a.id, a.full_name, a.email, a.phone, a.created_at
        from advocacy.cases c join advocacy.applicants a on a.id = c.applicant_id where c.id = $1
        """;

    public const string Transitions = """
        select id, case_id, from_status, to_status, actor, reason, created_at
        from advocacy.status_events where case_id = $1 order by id desc
        """;

    public const string Notes = "select id, case_id, author, body, created_at from advocacy.notes where case_id = $1 order by id desc";

    public const string Page = """
        select c.id, a.full_name, c.current_status, c.assignee, c.created_at
        from advocacy.cases c join advocacy.applicants a on a.id = c.applicant_id
        where c.current_status = $1 and c.id < $2 order by c.id desc limit 21
        """;

    public const string ChangeStatus = """
        with found as (
            select id, current_status, version from advocacy.cases where id = $1 for no key update
        ), changed as (
            update advocacy.cases c set current_status = $2, version = f.version + 1, updated_at = $5 from found f where c.id = f.id
            returning c.id, f.current_status as was, c.assignee
        ), moved as (
            insert into advocacy.status_events (case_id, from_status, to_status, actor, reason, created_at)
            select id, was, $2, $3, $4, $5 from changed
        ), logged as (
            insert into platform.events (at, name, subject, actor, on_behalf_of, request_id, address, payload)
            select $5, 'case.moved', 'advocacy.case:' || id, 'limit', $3, 'limit', 'limit',
                json_build_object('case_id', id, 'from_status', was, 'to_status', $2, 'reason', $4)::text
            from changed
        )
        select was, assignee from changed
        """;
}
