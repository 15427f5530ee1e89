using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Caraway.Care.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary>
/// <c>PUT /api/v1/doctors/{id}/availability</c>: the doctor and staff set when the doctor can be booked. Existing appointments stay.
/// </summary>
internal static class SetAvailability
{
    private const int MaxWindows = 200;
    private const int MaxExceptions = 1_000;

    public sealed record Rules
    {
        /// <summary>A time zone of the IANA database. The windows are local times in it.</summary>
        [Needed, Text(100)]
        public string? TimeZone { get; init; }

        /// <summary>Apart from the exceptions, null means at any time, and an empty list means never.</summary>
        [MaxLength(MaxWindows, ErrorMessage = "There can be at most 200 windows.")]
        public IReadOnlyList<Window>? Weekly { get; init; }

        /// <summary>Windows that replace the weekly ones on a date. Several exceptions of one date add up.</summary>
        [MaxLength(MaxExceptions, ErrorMessage = "There can be at most 1,000 exceptions.")]
        public IReadOnlyList<Exception>? Exceptions { get; init; }
    }

    /// <param name="Day">monday to sunday.</param>
    /// <param name="From">HH:MM.</param>
    /// <param name="To">HH:MM, up to 24:00.</param>
    public sealed record Window(string? Day, string? From, string? To);

    /// <param name="Date">2026-12-24.</param>
    /// <param name="From">HH:MM. Null in both fields closes the date.</param>
    public sealed record Exception(string? Date, string? From, string? To);

    /// <summary>Returns no row when the user is not a doctor, or when <c>If-Match</c> names other versions.</summary>
    private const string Upsert = $"""
        with locked as materialized (
            select pg_advisory_xact_lock(hashtextextended('care.calendar:' || @doctorId::bigint, 0))
        ), saved as (
            insert into care.availability (doctor_id, rules, version, updated_at)
            select @doctorId, @rules, 1, @now from (select count(*) from locked) l
            where {IsDoctor}
                and (@versions::bigint[] is null or 0 = any(@versions::bigint[])
                    or exists (select from care.availability where doctor_id = @doctorId))
            on conflict (doctor_id)
                do update set rules = excluded.rules, version = care.availability.version + 1, updated_at = excluded.updated_at
                where @versions::bigint[] is null or care.availability.version = any(@versions::bigint[])
            returning version
        ), logged as (
            {EventSql.Insert}
            select @now, 'availability.changed', 'care.doctor:' || @doctorId, @caller, @RequestId, @Address,
                json_build_object('doctor_id', @doctorId, 'rules', @rules::json)::text
            from saved
        )
        select version from saved
        """;

    /// <summary>Also a deactivated doctor has an availability.</summary>
    private const string IsDoctor = $"exists (select from {CareUsers.Doctors} d where d.id = @doctorId)";

    public static async Task<Results<Tagged<Rules>, Refusal>> Handle(
        RowId id, Rules request, HttpRequest http, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var doctorId = id.Value;
        if (!(caller.May(CarePermissions.WriteAll) || caller.UserId == doctorId))
            return Refusal.Forbidden("Only the doctor and staff may set when the doctor can be booked.");
        if (Availability.FindFault(request) is { } fault)
            return Refusal.Invalid(new ProblemError(fault.Pointer, fault.Sentence));
        var rules = request with { Exceptions = request.Exceptions ?? [] };
        var version = await database.First<long?>(
            Upsert,
            new
            {
                doctorId, rules = JsonSerializer.Serialize(rules, CareJson.Default.Rules), versions = ETag.IfMatch(http),
                now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (version is { } saved)
            return new Tagged<Rules>(ETag.Create(saved), rules);
        return await database.First<bool>($"select {IsDoctor}", new { doctorId }, cancel) ? Refusal.Stale() : GetAvailability.NoDoctor;
    }
}
