using System.Globalization;
using System.Runtime.CompilerServices;
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

    /// <summary>Characters of the rows of one transaction, which are in memory together. A longer row is written by itself.</summary>
    public const int ChunkLength = 4 * 1024 * 1024;

    /// <summary>Of the import to which the rows belong.</summary>
    internal sealed record Source
    {
        public required long ImportId { get; init; }

        public required string Sender { get; init; }

        public required string? RequestId { get; init; }

        public required string? Address { get; init; }
    }

    internal const string Taken = """
        select r.id from unnest(@ids::bigint[]) r (id) where exists (select from support.cases c where c.id = r.id offset 0)
        """;

    /// <summary>
    /// Cases are inserted in the order of their ids, so that two imports of the same ids cannot deadlock. Returns the ids of the new cases.
    /// No table of the statement is joined with another one: the planner cannot know how many rows an array has.
    /// </summary>
    internal const string Insert = $"""
        with opened as (
            insert into support.cases as c (
                id, owner, readers, session_id, title, description, status, severity, category, metadata, tags, created_at, updated_at,
                resolved_at, ended_at)
            select id, owner, array[owner], session_id, title, description, status, severity, category, metadata, tags::text[],
                created_at, updated_at, case when is_resolved then ended_at end,
                case when status in ('resolved', 'closed', 'archived') then ended_at end
            from unnest(
                    @ids::bigint[], @owners::text[], @sessions::text[], @titles::text[], @descriptions::text[],
                    @statuses::text[], @severities::text[], @categories::text[], @metadata::text[], @tags::text[],
                    @created::timestamptz[], @updated::timestamptz[], @ended::timestamptz[], @resolved::boolean[])
                r (
                    id, owner, session_id, title, description, status, severity, category, metadata, tags, created_at, updated_at,
                    ended_at, is_resolved)
            order by id
            on conflict (id) do nothing
            returning c.id, c.status, c.severity, c.category
        ), logged as (
            {EventSql.Insert}
            select @now, 'support_case.imported', 'support.case:' || {SupportCase.IdText}, @Sender, @RequestId, @Address,
                json_build_object('case_id', {SupportCase.IdText}, 'from_status', null, 'to_status', status, 'severity', severity,
                    'category', category, 'import_id', @ImportId)::text
            from opened
        )
        select id from opened
        """;

    /// <summary>A row with what it leaves out.</summary>
    /// <param name="EndedAt">
    /// Archived cases do not change any more, so the last change of one that was never resolved was its end.
    /// </param>
    private sealed record NewCase(
        ImportRow Row, long Id, string Owner, DateTime CreatedAt, DateTime UpdatedAt, DateTime EndedAt, bool IsResolved)
    {
        public string? Title { get; set; } = Row.Title;

        public DayNumbers.Key Key => new(Owner, DateOnly.FromDateTime(CreatedAt));

        public static NewCase Create(ImportRow row, string sender, DateTime now)
        {
            var created = row.CreatedAt ?? now;
            var updated = row.UpdatedAt ?? created;
            return new NewCase(
                row, row.Id ?? CaseId.Create().Value, row.Owner ?? sender, created, updated, row.ResolvedAt ?? updated,
                row.ResolvedAt is not null || row.Status is CaseWords.Resolved or CaseWords.Closed);
        }
    }

    /// <summary>The rows of each transaction.</summary>
    public static async IAsyncEnumerable<ImportRow[]> Chunks(
        IAsyncEnumerable<ImportRow> rows, [EnumeratorCancellation] CancellationToken cancel)
    {
        var (chunk, length) = (new List<ImportRow>(), 0L);
        await foreach (var row in rows.WithCancellation(cancel))
        {
            if (chunk.Count == ChunkSize || (chunk.Count > 0 && length + row.Length > ChunkLength))
            {
                yield return [.. chunk];
                chunk.Clear();
                length = 0;
            }

            chunk.Add(row);
            length += row.Length;
        }

        if (chunk.Count > 0)
            yield return [.. chunk];
    }

    /// <summary>Opens a case for each row whose id no case has. Call it in a transaction.</summary>
    /// <returns>The number of new cases.</returns>
    public static async Task<long> Write(
        IReadOnlyList<ImportRow> rows, Source source, DateTime now, Database database, CancellationToken cancel)
    {
        var opened = 0L;
        while (rows.Count > 0)
        {
            var cases = rows.Select(row => NewCase.Create(row, source.Sender, now)).ToList();
            var numbers = await DayNumbers.Lock(cases.ConvertAll(one => one.Key), database, cancel);
            var taken = (await database.List<long>(Taken, new { ids = Column(cases, one => one.Id) }, cancel)).ToHashSet();
            var free = cases.FindAll(one => !taken.Contains(one.Id));
            Name(free, numbers);
            await numbers.Save(database, cancel);
            var written = (await Open(free, source, now, database, cancel)).ToHashSet();
            opened += written.Count;
            // A drawn id can be taken already, with one chance in 280 million at a million cases. Another one is drawn then.
            rows = [.. cases.Where(one => one.Row.Id is null && !written.Contains(one.Id)).Select(one => one.Row)];
        }

        return opened;
    }

    /// <summary>
    /// A title of the form that is given to cases takes its own number, so the counter passes it. Rows without a title get the numbers
    /// after all others.
    /// </summary>
    private static void Name(List<NewCase> cases, DayNumbers numbers)
    {
        foreach (var day in cases.Where(one => one.Title is not null).GroupBy(one => one.Key))
            numbers.Pass(day.Key, day.Count(), day.Max(one => one.Row.NumberOn(day.Key.Day) ?? 0));
        foreach (var one in cases.Where(one => one.Title is null))
            one.Title = string.Create(CultureInfo.InvariantCulture, $"Case-{one.Key.Day:MMdd}-{numbers.Next(one.Key)}");
    }

    private static Task<List<long>> Open(
        List<NewCase> cases, Source source, DateTime now, Database database, CancellationToken cancel) => database.List<long>(
            Insert,
            new
            {
                ids = Column(cases, one => one.Id), owners = Column(cases, one => one.Owner),
                sessions = Column(cases, one => one.Row.SessionId), titles = Column(cases, one => one.Title),
                descriptions = Column(cases, one => one.Row.Description), statuses = Column(cases, one => one.Row.Status),
                severities = Column(cases, one => one.Row.Severity), categories = Column(cases, one => one.Row.Category),
                metadata = Column(cases, one => one.Row.Metadata), tags = Column(cases, one => ArrayText(one.Row.Tags)),
                created = Column(cases, one => one.CreatedAt), updated = Column(cases, one => one.UpdatedAt),
                ended = Column(cases, one => one.EndedAt), resolved = Column(cases, one => one.IsResolved),
                source.ImportId, source.Sender, source.RequestId, source.Address, now,
            },
            cancel);

    private static T[] Column<T>(List<NewCase> cases, Func<NewCase, T> value) => [.. cases.Select(value)];

    /// <summary>A list in PostgreSQL's array notation. A list of lists cannot be a parameter, for each has its own length.</summary>
    private static string ArrayText(string[] texts) => texts.Length == 0
        ? "{}"
        : "{" + string.Join(',', texts.Select(Quote)) + "}";

    private static string Quote(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
