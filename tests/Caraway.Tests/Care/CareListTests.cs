using System.Text.RegularExpressions;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>The pages of lists of appointments and results, to the last one.</summary>
public sealed partial class CareListTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [GeneratedRegex("^<(?<path>[^>]+)>; rel=\"next\"$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Next { get; }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(23)]
    [InlineData(200)]
    public async Task Pages_show_every_row_once_latest_first(int limit)
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        // Seven cancelled appointments have the same time, so that ids decide the order.
        await caraway.Database.Execute(
            $"""
            insert into care.appointments
                (patient_id, doctor_id, scheduled_time, ends_at, duration_minutes, reason, status, created_at, updated_at)
            select {patient.UserId}, {doctor.UserId}, t, t + interval '30 minutes', 30, 'x', 'cancelled', now(), now()
            from generate_series(1, 23) n
            cross join lateral (select timestamptz '2026-01-01 00:00:00.000001Z' + n / 7 * interval '1 microsecond' as t) x;
            insert into care.lab_results (patient_id, test_name, result_data, interpretation, recorded_at, created_at)
            select {patient.UserId}, 'x', '[]', 'unknown',
                timestamptz '1969-12-31 23:59:59.999998Z' + n / 7 * interval '1 microsecond', now()
            from generate_series(1, 23) n;
            """);

        await IsWhole(patient, $"/api/v1/appointments/patients/{patient.UserId}", "scheduled_time", limit);
        await IsWhole(doctor, $"/api/v1/appointments/doctors/{doctor.UserId}/", "scheduled_time", limit);
        await IsWhole(patient, $"/api/v1/lab-results/patients/{patient.UserId}", "recorded_at", limit);
    }

    [Theory]
    [InlineData("limit=x", "#/limit")]
    [InlineData("limit=1.5", "#/limit")]
    [InlineData("cursor=x", "#/cursor")]
    [InlineData("cursor=1", "#/cursor")]
    [InlineData("cursor=1_", "#/cursor")]
    [InlineData("cursor=1_-1", "#/cursor")]
    [InlineData("cursor=1_2_3", "#/cursor")]
    [InlineData("cursor=9223372036854775807_1", "#/cursor")]
    [InlineData("cursor=-9223372036854775808_1", "#/cursor")]
    [InlineData("cursor=199999999999999999_1", "")]
    [InlineData("cursor=253402300799999999_1", "")]
    [InlineData("cursor=253402300800000000_1", "#/cursor")]
    [InlineData("cursor=-62135596800000001_1", "#/cursor")]
    [InlineData("cursor=-62135596800000000_1", "")]
    [InlineData("limit=0", "")]
    [InlineData("limit=-5", "")]
    [InlineData("limit=99999999999999999999", "")]
    [InlineData("limit=&cursor=", "")]
    public async Task A_bad_limit_or_cursor_is_422(string query, string pointer)
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));

        (Accounts.SignedIn, string)[] lists =
        [
            (patient, $"/api/v1/appointments/patients/{patient.UserId}"),
            (doctor, $"/api/v1/appointments/doctors/{doctor.UserId}"),
            (patient, $"/api/v1/lab-results/patients/{patient.UserId}"),
        ];
        foreach (var (who, path) in lists)
        {
            var answer = await caraway.Get(who, $"{path}?{query}");
            if (pointer.Length == 0)
                Assert.Equal((200, "[]"), (answer.Status, answer.Body));
            else
                Assert.Equal([pointer], answer.IsProblem(422, "invalid").Pointers);
        }
    }

    [Fact]
    public async Task Each_role_sees_its_own_appointments()
    {
        var (patient, other, staff) = (await caraway.Person(), await caraway.Person(), await caraway.Person("auditor"));
        var (doctor, colleague) = (await caraway.Person("doctor"), await caraway.Person("doctor"));
        var first = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        var second = await caraway.Booked(patient, patient.UserId, colleague.UserId, Clinic.NewTime().AddYears(1));
        var third = await caraway.Booked(other, other.UserId, doctor.UserId, Clinic.NewTime().AddYears(2));
        async Task<string> Sees(Accounts.SignedIn who, string list, Accounts.SignedIn of)
        {
            var answer = await caraway.Get(who, $"/api/v1/appointments/{list}/{of.UserId}");
            return answer.Status == 200
                ? string.Join(' ', answer.Json.EnumerateArray().Select(item => item.GetProperty("id").GetInt64()))
                : $"{answer.Status} {answer.Detail}";
        }

        Assert.Equal($"{second} {first}", await Sees(patient, "patients", patient));
        Assert.Equal($"{first}", await Sees(doctor, "patients", patient));
        Assert.Equal($"{third} {first}", await Sees(doctor, "doctors", doctor));
        Assert.Equal($"{third} {first}", await Sees(staff, "doctors", doctor));
        Assert.Equal($"{first}", await Sees(patient, "doctors", doctor));
        Assert.Equal("404 Patient not found", await Sees(other, "patients", patient));
        Assert.Equal("404 Patient not found", await Sees(colleague, "patients", other));
        Assert.Equal("404 Doctor not found", await Sees(other, "doctors", colleague));
        Assert.Equal("404 Doctor not found", await Sees(staff, "doctors", patient));
        Assert.Equal("404 Patient not found", await Sees(staff, "patients", doctor));
        Assert.Equal("", await Sees(await caraway.Person("auditor"), "patients", await caraway.Person()));
    }

    private async Task IsWhole(Accounts.SignedIn who, string path, string time, int limit)
    {
        var (seen, next) = (new List<(string Time, long Id)>(), (string?)$"{path}?limit={limit}");
        while (next is not null)
        {
            var answer = await caraway.Get(who, next);
            Assert.True(answer.Status == 200, answer.Body);
            var page = answer.Json.EnumerateArray()
                .Select(item => (item.GetProperty(time).GetString()!, item.GetProperty("id").GetInt64()))
                .ToList();
            Assert.InRange(page.Count, 1, limit);
            seen.AddRange(page);
            next = answer.Headers.TryGetValue("Link", out var link) ? Next.Match(link).Groups["path"].Value : null;
        }

        Assert.Equal(23, seen.Count);
        Assert.Equal(23, seen.Distinct().Count());
        Assert.Equal(seen.OrderByDescending(row => row.Time, StringComparer.Ordinal).ThenByDescending(row => row.Id), seen);
    }
}
