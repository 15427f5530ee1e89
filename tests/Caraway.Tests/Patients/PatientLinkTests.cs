using System.Globalization;
using System.Text.Json;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Patients;

/// <summary>What patients see of a case that staff link to them, link to somebody else, and unlink.</summary>
public sealed class PatientLinkTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_patient_gets_the_earlier_events_of_a_case_and_the_later_ones()
    {
        var (patient, id) = (await caraway.Person(), await caraway.OpenCase());
        await caraway.Transition(id, "IN_REVIEW");
        await caraway.Post($"/cases/{id}/notes", """{"author":"x","body":"a body"}""");
        await caraway.Dispatch();
        Assert.Empty(await Names(patient));

        await Link(id, patient);
        await caraway.Transition(id, "SUBMITTED");
        await caraway.Dispatch();
        await caraway.Transition(id, "APPROVED");
        await caraway.Dispatch();

        Assert.Equal(["case.moved", "case.moved", "case.patient_linked", "case.moved", "case.opened"], await Names(patient));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Another_patient_gets_the_whole_case_and_the_one_before_loses_it(bool inOneBatch)
    {
        var (one, other) = (await caraway.Person(), await caraway.Person());
        var id = await OpenCaseOf(one);
        var kept = await OpenCaseOf(one);
        await Then(inOneBatch);
        await caraway.Transition(id, "IN_REVIEW");
        await Then(inOneBatch);

        await Link(id, other);
        await Then(inOneBatch);
        await caraway.Transition(id, "SUBMITTED");
        await caraway.Dispatch();

        Assert.Equal(["case.opened"], await Names(one));
        Assert.Equal([$"advocacy.case:{kept}"], (await Items(one)).Select(item => item.GetProperty("subject").GetString()));
        Assert.Equal(["case.moved", "case.patient_linked", "case.moved", "case.opened"], await Names(other));
        // Nothing tells the second patient who the first one was.
        var seen = await caraway.As(other, HttpMethod.Get, PathOf(other));
        Assert.All(
            await Items(other),
            item => Assert.DoesNotContain("patient_id", item.GetProperty("payload").EnumerateObject().Select(f => f.Name)));
        Assert.DoesNotContain($"\"patient_id\":{one.UserId}", seen.Body, StringComparison.Ordinal);
        Assert.Equal(
            ["case.moved", "case.patient_linked", "case.patient_unlinked", "case.moved", "case.opened"],
            NamesOf(await caraway.As(await caraway.Person("caseworker"), HttpMethod.Get, PathOf(other))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_patient_sees_nothing_of_a_case_whose_link_ended_until_it_begins_again(bool inOneBatch)
    {
        var patient = await caraway.Person();
        var id = await OpenCaseOf(patient);
        await Then(inOneBatch);

        await Unlink(id);
        await Then(inOneBatch);
        await caraway.Transition(id, "IN_REVIEW");
        await caraway.Dispatch();

        Assert.Empty(await Names(patient));
        Assert.Empty(NamesOf(await caraway.As(await caraway.Person("caseworker"), HttpMethod.Get, PathOf(patient))));

        await Link(id, patient);
        await caraway.Dispatch();
        Assert.Equal(["case.patient_linked", "case.moved", "case.opened"], await Names(patient));
    }

    [Fact]
    public async Task The_case_itself_shows_every_link_to_staff_at_once()
    {
        var (one, other) = (await caraway.Person(), await caraway.Person());
        var id = await OpenCaseOf(one);
        await Link(id, other);

        var timeline = await caraway.Get($"/cases/{id}/timeline");

        Assert.Equal(["case.patient_linked", "case.patient_unlinked", "case.opened"], NamesOf(timeline));
        Assert.Equal(
            [other.UserId, one.UserId, one.UserId],
            timeline.Json.GetProperty("items").EnumerateArray()
                .Select(item => item.GetProperty("payload").GetProperty("patient_id").GetInt64()));
    }

    [Fact]
    public async Task A_replay_changes_nothing_and_shows_nothing_meanwhile()
    {
        var (one, other) = (await caraway.Person(), await caraway.Person());
        var (moved, ended) = (await OpenCaseOf(one), await OpenCaseOf(one));
        await caraway.Dispatch();
        await Link(moved, other);
        await Unlink(ended);
        await caraway.Dispatch();
        var before = await Tables();
        var handler = caraway.Services.GetServices<IEventHandler>().Single(one => one.Name == "patient-timelines");

        // Event by event, as a replay after failures delivers them.
        foreach (var old in await EventsOf(moved, ended))
        {
            await using var database = new Database(caraway.Database.Source);
            await handler.Handle([old], database, default);
            Assert.Empty(await Names(one));
        }

        await caraway.Database.Execute("update platform.event_cursors set position = 0 where handler = 'patient-timelines'");
        await caraway.Dispatch();
        Assert.Equal(before, await Tables());
    }

    /// <summary>An erased event names nobody, and a downward migration can delete a patient.</summary>
    [Theory]
    [InlineData("null")]
    [InlineData("999999999")]
    public async Task A_link_to_nobody_leaves_the_case_without_a_patient(string patient)
    {
        var one = await caraway.Person();
        var id = await OpenCaseOf(one);
        await caraway.Dispatch();
        var handler = caraway.Services.GetServices<IEventHandler>().Single(handler => handler.Name == "patient-timelines");
        var link = (await EventsOf(id))[0] with
        {
            Id = long.MaxValue, Name = "case.patient_linked", Payload = $$"""{"case_id":{{id}},"patient_id":{{patient}}}""",
        };

        await using var database = new Database(caraway.Database.Source);
        await handler.Handle([link], database, default);

        Assert.Empty(await Names(one));
    }

    [Fact]
    public async Task Links_of_many_cases_in_one_batch_do_not_mix()
    {
        var patients = new List<Accounts.SignedIn>();
        for (var n = 0; n < 3; n++)
            patients.Add(await caraway.Person());
        var owners = new Dictionary<long, int?>();
        for (var n = 0; n < 12; n++)
        {
            var id = n % 2 == 0 ? await caraway.OpenCase() : await OpenCaseOf(patients[n % 3]);
            owners[id] = n % 2 == 0 ? null : n % 3;
            if (n % 4 < 2)
            {
                await Link(id, patients[(n + 1) % 3]);
                owners[id] = (n + 1) % 3;
            }

            if (n % 5 == 3 && owners[id] is not null)
            {
                await Unlink(id);
                owners[id] = null;
            }
        }

        await caraway.Dispatch();

        foreach (var (patient, n) in patients.Select((patient, n) => (patient, n)))
        {
            Assert.Equal(
                owners.Where(pair => pair.Value == n).Select(pair => $"advocacy.case:{pair.Key}").Order(StringComparer.Ordinal),
                (await Items(patient)).Select(item => item.GetProperty("subject").GetString()!)
                    .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        }
    }

    private static string PathOf(Accounts.SignedIn patient) => $"/api/v1/patients/{patient.UserId}/timeline?limit=100";

    private static IEnumerable<string> NamesOf(Answer timeline)
    {
        Assert.Equal(200, timeline.Status);
        return timeline.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("event_name").GetString()!);
    }

    private async Task<List<JsonElement>> Items(Accounts.SignedIn patient)
    {
        var answer = await caraway.As(patient, HttpMethod.Get, PathOf(patient));
        Assert.Equal(200, answer.Status);
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private async Task<IEnumerable<string>> Names(Accounts.SignedIn patient) =>
        NamesOf(await caraway.As(patient, HttpMethod.Get, PathOf(patient)));

    private Task Then(bool inOneBatch) => inOneBatch ? Task.CompletedTask : caraway.Dispatch();

    private async Task Link(long id, Accounts.SignedIn patient)
    {
        var answer = await caraway.Send(HttpMethod.Put, $"/cases/{id}/patient", $$"""{"patient_id":{{patient.UserId}}}""");
        Assert.Equal(200, answer.Status);
    }

    private async Task Unlink(long id) =>
        Assert.Equal(204, (await caraway.Send(HttpMethod.Delete, $"/cases/{id}/patient")).Status);

    private async Task<long> OpenCaseOf(Accounts.SignedIn patient)
    {
        var opened = await caraway.Post("/intakes", $$"""{"full_name":"Pat","narrative":"n","patient_id":{{patient.UserId}}}""");
        Assert.Equal(201, opened.Status);
        return opened.Json.GetProperty("case_id").GetInt64();
    }

    private Task<string?> Tables() => caraway.Database.Scalar<string>("""
        select (select string_agg(t::text, ' ' order by t.event_id) from patients.timeline t)
            || (select string_agg(s::text, ' ' order by s.subject) from patients.subjects s)
        """);

    private async Task<List<Event>> EventsOf(params long[] cases)
    {
        await using var database = new Database(caraway.Database.Source);
        return await database.List<Event>(
            $"""
            select {EventCursors.EventColumns} from platform.chain c join platform.events e on e.id = c.event_id
            where e.subject = any(@subjects) order by c.position
            """,
            new { subjects = cases.Select(id => string.Create(CultureInfo.InvariantCulture, $"advocacy.case:{id}")).ToArray() },
            default);
    }
}
