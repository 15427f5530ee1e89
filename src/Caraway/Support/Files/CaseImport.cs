using Caraway.Platform.Events;
using Caraway.Platform.Postgres;

namespace Caraway.Support.Files;

/// <summary>
/// Writes imported cases, each chunk in one short transaction of its caller. Every case takes a number of its owner's day, as if it had
/// been opened then, and has an event, so that its history begins with the import.
/// </summary>
internal static class CaseImport
{
    /// <summary>Rows of one transaction. More would be faster, but would hold the sequencer of events back for longer.</summary>
    public const int ChunkSize = 5_000;

    /// <summary>Of the import to which the rows belong.</summary>
    internal sealed record Source
    {
        public required long ImportId { get; init; }

        public required string Sender { get; init; }

        public required string? RequestId { get; init; }

        public required string? Address { get; init; }
    }

    private const string NewRows = """
        unnest(@ids::bigint[], @owners::text[], @created::timestamptz[]) r (id, owner, created_at)
        where not exists (select from support.cases c where c.id = r.id)
        """;

    /// <summary>
    /// Makes the counters that do not exist. Here and in <see cref="LockDays"/> every import goes up the same order, and whoever opens a
    /// case locks one counter only, so nobody waits in a circle.
    /// </summary>
    internal const string AddDays = $"""
        insert into support.day_numbers (owner, day, last)
        select distinct owner, (created_at at time zone 'UTC')::date, 0 from {NewRows} order by 1, 2
        on conflict (owner, day) do nothing
        """;

    internal const string LockDays = $"""
        select count(*) from (
            select from support.day_numbers d
            where (d.owner, d.day) in (select owner, (created_at at time zone 'UTC')::date from {NewRows})
            order by d.owner, d.day for update
        ) locked
        """;

    /// <summary>
    /// A title of the form that is given to cases takes its own number, so the counter passes it. Rows without a title get the numbers
    /// after all others. Cases are inserted in the order of their ids, so that two imports of the same ids cannot deadlock. Returns the ids
    /// of the new cases.
    /// </summary>
    internal const string Insert = $"""
        with batch as materialized (
            select r.*, (r.created_at at time zone 'UTC')::date as day
            from unnest(
                    @ids::bigint[], @owners::text[], @sessions::text[], @titles::text[], @numbers::integer[], @descriptions::text[],
                    @statuses::text[], @severities::text[], @categories::text[], @metadata::text[], @tags::text[],
                    @created::timestamptz[], @updated::timestamptz[], @ended::timestamptz[], @resolved::boolean[])
                with ordinality r (
                    id, owner, session_id, title, number, description, status, severity, category, metadata, tags, created_at, updated_at,
                    ended_at, is_resolved, place)
            where not exists (select from support.cases c where c.id = r.id)
        ), counted as materialized (
            select owner, day, count(*)::integer as cases, (count(*) filter (where title is null))::integer as unnamed,
                max(number) as highest
            from batch group by owner, day
        ), numbered as materialized (
            update support.day_numbers d
            set last = greatest(d.last + k.cases, k.highest + k.unnamed)
            from counted k where d.owner = k.owner and d.day = k.day
            returning d.owner, d.day, d.last - k.unnamed as base
        ), named as materialized (
            select b.*, n.base + count(*) filter (where b.title is null) over (partition by b.owner, b.day order by b.place) as own_number
            from batch b join numbered n on n.owner = b.owner and n.day = b.day
        ), opened as (
            insert into support.cases as c (
                id, owner, readers, session_id, title, description, status, severity, category, metadata, tags, created_at, updated_at,
                resolved_at, ended_at)
            select id, owner, array[owner], session_id, coalesce(title, 'Case-' || to_char(day, 'MMDD') || '-' || own_number),
                description, status, severity, category, metadata, tags::text[], created_at, updated_at,
                case when is_resolved then ended_at end,
                case when status in ('resolved', 'closed', 'archived') then ended_at end
            from named order by id
            on conflict (id) do nothing
            returning c.id, c.status, c.severity, c.category
        ), logged as (
            {EventSql.Insert}
            select @now, 'support_case.imported', 'support.case:' || {SupportCase.IdText}, @Sender, @RequestId, @Address,
                json_build_object('case_id', {SupportCase.IdText}, 'from_status', null, 'to_status', status, 'severity', severity,
                    'category', category, 'import_id', @ImportId)::text
            from (select o.* from opened o join batch b on b.id = o.id order by b.place) o
        )
        select id from opened
        """;

    /// <summary>Opens a case for each row whose id no case has. Call it in a transaction.</summary>
    /// <returns>The number of new cases.</returns>
    public static async Task<long> Write(
        IReadOnlyList<ImportRow> rows, Source source, DateTime now, Database database, CancellationToken cancel)
    {
        var opened = 0L;
        while (rows.Count > 0)
        {
            var ids = rows.Select(row => row.Id ?? CaseId.Create().Value).ToArray();
            var columns = new Columns(rows, source.Sender, now);
            var days = new { ids, owners = columns.Owners, created = columns.Created };
            await database.Execute(AddDays, days, cancel);
            await database.First<long>(LockDays, days, cancel);
            var written = await database.List<long>(
                Insert,
                new
                {
                    ids, owners = columns.Owners, sessions = Column(rows, row => row.SessionId), titles = Column(rows, row => row.Title),
                    numbers = columns.Numbers, descriptions = Column(rows, row => row.Description),
                    statuses = Column(rows, row => row.Status), severities = Column(rows, row => row.Severity),
                    categories = Column(rows, row => row.Category),
                    metadata = Column(rows, row => row.Metadata), tags = Column(rows, row => ArrayText(row.Tags)),
                    created = columns.Created, updated = columns.Updated, ended = columns.Ended, resolved = columns.Resolved,
                    source.ImportId, source.Sender, source.RequestId, source.Address, now,
                },
                cancel);
            opened += written.Count;
            // A drawn id can be taken already, with one chance in 280 million at a million cases. Another one is drawn then.
            var isWritten = written.ToHashSet();
            rows = [.. rows.Where((row, place) => row.Id is null && !isWritten.Contains(ids[place]))];
        }

        return opened;
    }

    /// <summary>The columns that are not in the rows as they are.</summary>
    private sealed class Columns
    {
        public Columns(IReadOnlyList<ImportRow> rows, string sender, DateTime now)
        {
            Owners = Column(rows, row => row.Owner ?? sender);
            Created = Column(rows, row => row.CreatedAt ?? now);
            Updated = Column(rows, row => row.UpdatedAt ?? row.CreatedAt ?? now);
            Resolved = Column(rows, row => row.ResolvedAt is not null || row.Status is CaseWords.Resolved or CaseWords.Closed);
            Ended = [.. rows.Select((row, place) => row.ResolvedAt ?? Updated[place])];
            Numbers = [.. rows.Select((row, place) => row.NumberOn(DateOnly.FromDateTime(Created[place])) ?? 0)];
        }

        public string[] Owners { get; }

        public DateTime[] Created { get; }

        public DateTime[] Updated { get; }

        public bool[] Resolved { get; }

        /// <summary>Archived cases do not change any more, so the last change of one that was never resolved was its end.</summary>
        public DateTime[] Ended { get; }

        public int[] Numbers { get; }
    }

    private static T[] Column<T>(IReadOnlyList<ImportRow> rows, Func<ImportRow, T> value) => [.. rows.Select(value)];

    /// <summary>A list in PostgreSQL's array notation. A list of lists cannot be a parameter, for each has its own length.</summary>
    private static string ArrayText(string[] texts) => texts.Length == 0
        ? "{}"
        : "{" + string.Join(',', texts.Select(Quote)) + "}";

    private static string Quote(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
