using Caraway.Care.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>
/// Appointments in the search over all desks: by reason and by the names of patient and doctor, for whoever may see them
/// (<see cref="CareScope"/>).
/// </summary>
internal sealed class SearchAppointments : ISearchSource
{
    public const string KindName = "appointment";

    /// <summary>The newest appointments of the caller: as the patient, and as the doctor.</summary>
    private const string OwnNewest = """
        select null::timestamptz as at, o.id as key
        from (
            (select a.id, a.scheduled_time from care.appointments a where a.patient_id = @Me order by a.scheduled_time desc, a.id desc
            limit 16384)
            union
            (select a.id, a.scheduled_time from care.appointments a where a.doctor_id = @Me order by a.scheduled_time desc, a.id desc
            limit 16384)
        ) o
        order by o.scheduled_time desc, o.id desc
        """;

    private static readonly string SimilarOfAll = SimilarWords.Select(KindName);

    private static readonly string SimilarOfOwn = SimilarWords.SelectFrom($"""
        select a.reason || ' ' || p.full_name || ' ' || coalesce(d.full_name, '')
        from ({OwnNewest} limit 200) n join care.appointments a on a.id = n.key {Appointment.Persons}
        where {CareScope.SeesAppointment}
        """);

    public string Kind => KindName;

    /// <summary>The times are those for which appointments are scheduled.</summary>
    public IReadOnlyList<SearchField> Fields { get; } =
        [new(SearchField.Status, AppointmentStatus.Table.Statuses), SearchField.Before, SearchField.After];

    public bool MayUse(Caller caller) => caller.May(CarePermissions.Read) || caller.May(CarePermissions.ReadAll);

    public Task<List<SearchHit>> Search(
        SearchQuery query, SearchPage page, Caller caller, Database database, CancellationToken cancel)
    {
        var scope = CareScope.From(caller);
        return database.List<SearchHit>(
            Select(query, scope.All),
            new
            {
                scope.All, scope.Me, query.Either, query.Words, query.Prefix, Status = query[SearchField.Status],
                ScheduledBefore = query.Before, ScheduledAfter = query.After, Enough = Ranking.Most,
                page.Now, page.Score, page.Key, page.Take,
            },
            cancel);
    }

    public Task<List<SimilarWord>> FindSimilar(string[] words, Caller caller, Database database, CancellationToken cancel)
    {
        var scope = CareScope.From(caller);
        return database.List<SimilarWord>(scope.All ? SimilarOfAll : SimilarOfOwn, new { scope.All, scope.Me, words }, cancel);
    }

    public AccessedRecords Accessed(IReadOnlyList<SearchHit> shown) => SearchHit.Accessed("care.appointment", shown);

    /// <summary>
    /// The table of words can be a moment behind, so that it only proposes: the appointment itself decides who sees it, and whether it
    /// has the status and the time.
    /// </summary>
    internal static string Select(SearchQuery query, bool all)
    {
        var filters = (all ? "" : " and w.people && array[@Me]")
            + (query[SearchField.Status] is null ? "" : " and array[w.status] @> array[@Status]")
            + Times(query);
        var text = query.HasText ? $"w.words @@ {TextMatch.Query}" : "true";
        var indexed = query.HasText && all ? TextMatch.Indexed("w.words") : text;
        var byTime = query.Before is not null || query.After is not null;
        var matches = new NewestMatches
        {
            Newest = !all ? OwnNewest : $"""
                select null::timestamptz as at, w.appointment_id as key, w.words, w.status, w.people, w.scheduled_time
                from care.appointment_words w where true{Times(query)}
                order by {(byTime ? "w.scheduled_time desc, " : "")}w.appointment_id desc
                """,
            Look = all
                ? "cross join lateral (select b.words, b.status, b.people, b.scheduled_time) w"
                : "cross join lateral (select w.* from care.appointment_words w where w.appointment_id = b.key offset 0) w",
            Match = text + filters,
            IsIndexable = query.HasText ? TextMatch.IsIndexable : all && query[SearchField.Status] is null ? "false" : "true",
            Kind = query.HasText && all ? KindName : null,
            Far = $"select null::timestamptz as at, w.appointment_id as key from care.appointment_words w where {indexed}{filters}",
            Ids = all && !byTime
                ? new(
                    "w.appointment_id", "(select max(appointment_id) from care.appointment_words)",
                    "(select min(appointment_id) from care.appointment_words)")
                : null,
        };
        var relevance = query.HasText ? TextMatch.Relevance("w.words") : "0.1::float8";
        return $"""
            with {TextMatch.Asked}, {matches.Sql()}, ranked as (
                select m.key, {Ranking.Score(relevance, "w.scheduled_time")} as score
                from matches m
                join care.appointment_words w on w.appointment_id = m.key
                join care.appointments a on a.id = m.key
                where {CareScope.SeesAppointment}
                    and (@Status::text is null or a.status = @Status)
                    and (@ScheduledBefore::timestamptz is null or a.scheduled_time < @ScheduledBefore)
                    and (@ScheduledAfter::timestamptz is null or a.scheduled_time >= @ScheduledAfter)
            ), page as materialized (
                select key, score from ranked where {Ranking.AfterCursor}
            )
            select p.key, p.score, a.reason as title, {Headline} as headline, a.status, a.updated_at, a.patient_id
            from page p join care.appointments a on a.id = p.key
            join identity.user_card pa on pa.id = a.patient_id
            left join identity.user_card d on d.id = a.doctor_id
            order by p.score desc, p.key desc
            """;
    }

    private static readonly string Headline = TextMatch.Headline(
        "to_char(a.scheduled_time at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC, ' || pa.full_name "
        + "|| coalesce(', ' || d.full_name, '')");

    private static string Times(SearchQuery query) =>
        (query.Before is null ? "" : " and w.scheduled_time < @ScheduledBefore")
        + (query.After is null ? "" : " and w.scheduled_time >= @ScheduledAfter");
}
