using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary><c>PUT /api/v1/doctors/{id}/availability</c>: the doctor himself and staff say when he can be booked. Appointments that are there stay.</summary>
internal static class SetAvailability
{
    private const int MostWindows = 200;
    private const int MostExceptions = 1_000;

    public sealed record Rules
    {
        /// <summary>A time zone of the IANA database; the windows are by its clocks.</summary>
        [Needed, Text(100)]
        public string? TimeZone { get; init; }

        /// <summary>Null is at any time, but for the exceptions; an empty list is never, but for them.</summary>
        [MaxLength(MostWindows, ErrorMessage = "There can be at most 200 windows.")]
        public IReadOnlyList<Window>? Weekly { get; init; }

        /// <summary>What holds on a date instead of the week's windows; several of one date add up.</summary>
        [MaxLength(MostExceptions, ErrorMessage = "There can be at most 1,000 exceptions.")]
        public IReadOnlyList<Exception>? Exceptions { get; init; }
    }

    /// <param name="Day">monday to sunday.</param>
    /// <param name="From">HH:MM.</param>
    /// <param name="To">HH:MM, up to 24:00.</param>
    public sealed record Window(string? Day, string? From, string? To);

    /// <param name="Date">2026-12-24.</param>
    /// <param name="From">HH:MM; null with <paramref name="To"/>: not at all on this date.</param>
    public sealed record Exception(string? Date, string? From, string? To);

    /// <summary>No row comes back when he is no doctor, or the version is another one.</summary>
    private const string Upsert = """
        with locked as materialized (
            select pg_advisory_xact_lock(hashtextextended('care.calendar:' || @doctorId::bigint, 0))
        ), saved as (
            insert into care.availability (doctor_id, rules, version, updated_at)
            select @doctorId, @rules, 1, @now from (select count(*) from locked) l
            where exists (select from identity.user_card where id = @doctorId and role = 'doctor') and (@versions::bigint[] is null or 0 = any(@versions::bigint[]) or exists (select from care.availability where doctor_id = @doctorId))
            on conflict (doctor_id) do update set rules = excluded.rules, version = care.availability.version + 1, updated_at = excluded.updated_at
                where @versions::bigint[] is null or care.availability.version = any(@versions::bigint[])
            returning version
        ), logged as (
            insert into platform.events (at, name, subject, actor, request_id, address, payload)
            select @now, 'availability.changed', 'care.doctor:' || @doctorId, @caller, @RequestId, @Address, json_build_object('doctor_id', @doctorId, 'rules', @rules::json)::text from saved
        )
        select version from saved
        """;

    private const string IsDoctor = "select exists (select from identity.user_card where id = @doctorId and role = 'doctor')";

    public static async Task<Results<Tagged<Rules>, Refusal>> Handle(RowId id, Rules request, HttpRequest http, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var doctorId = id.Value;
        if (!(caller.May(Permission.CareWriteAll) || caller.UserId == doctorId))
            return Refusal.Forbidden("Only the doctor and staff say when the doctor can be booked.");
        if (Availability.Wrong(request) is { } wrong)
            return Refusal.Invalid(new ProblemError(wrong.Pointer, wrong.Sentence));
        var rules = request with { Exceptions = request.Exceptions ?? [] };
        var version = await database.First<long?>(
            Upsert,
            new
            {
                doctorId, rules = JsonSerializer.Serialize(rules, CareJson.Default.Rules), versions = ETag.IfMatch(http), now = time.GetUtcNow().UtcDateTime,
                caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (version is { } saved)
            return new Tagged<Rules>(ETag.Of(saved), rules);
        return await database.First<bool>(IsDoctor, new { doctorId }, cancel) ? Refusal.Stale() : GetAvailability.NoDoctor;
    }
}
