using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>Cases of signed-in caseworkers and of known patients.</summary>
public sealed class SignedInTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_signed_in_caller_acts_and_writes_under_their_own_name_whatever_the_body_says()
    {
        var ines = await caraway.Person("caseworker", "Ines Holm");
        var id = await caraway.OpenCase();

        Assert.Equal(
            200, (await caraway.As(ines, HttpMethod.Patch, $"/cases/{id}", """{"status":"IN_REVIEW","actor":"The Queen"}""")).Status);
        Assert.Equal(
            201, (await caraway.As(ines, HttpMethod.Post, $"/cases/{id}/notes", """{"author":"The Queen","body":"Called."}""")).Status);

        var read = (await caraway.As(ines, HttpMethod.Get, $"/cases/{id}")).Json;
        Assert.Equal("Ines Holm", read.GetProperty("status_events")[0].GetProperty("actor").GetString());
        Assert.Equal("Ines Holm", read.GetProperty("notes")[0].GetProperty("author").GetString());
        Assert.Equal(
            $"case.moved user:{ines.UserId} -, case.note_added user:{ines.UserId} -",
            await caraway.Database.Scalar<string>(
                $"""
                select string_agg(name || ' ' || actor || ' ' || coalesce(on_behalf_of, '-'), ', ' order by id)
                from platform.events where subject = 'advocacy.case:{id}' and name <> 'case.opened'
                """));
        Assert.Equal(
            "Ines Holm",
            await caraway.Database.Scalar<string>(
                $"""
                select payload::json->>'author' from platform.events
                where subject = 'advocacy.case:{id}' and name = 'case.note_added'
                """));
    }

    [Fact]
    public async Task A_long_name_is_cut_to_the_length_of_an_author()
    {
        var person = await caraway.Person("caseworker", new string('é', 255));
        var id = await caraway.OpenCase();

        Assert.Equal(201, (await caraway.As(person, HttpMethod.Post, $"/cases/{id}/notes", """{"author":"x","body":"y"}""")).Status);
        Assert.Equal(120, await caraway.Database.Scalar<int>($"select char_length(author) from advocacy.notes where case_id = {id}"));
    }

    [Fact]
    public async Task Only_a_patient_can_be_the_patient_of_a_case()
    {
        var patient = await caraway.Person();
        var doctor = await caraway.Person("doctor");

        var opened = await caraway.Post("/intakes", $$"""{"full_name":"Pat","narrative":"n","patient_id":{{patient.UserId}}}""");
        Assert.Equal(201, opened.Status);
        Assert.Equal(
            patient.UserId,
            await caraway.Database.Scalar<long>(
                "select patient_id from advocacy.cases where id = @id", ("id", opened.Json.GetProperty("case_id").GetInt64())));
        foreach (var other in new[] { doctor.UserId, 999_999_999, 0, -1 })
        {
            var refused = await caraway.Post(
                "/intakes",
                $$"""{"full_name":"Pat","narrative":"n","patient_id":{{other}},"external_reference":"free-{{other}}"}""");
            Assert.Equal(["#/patient_id"], refused.IsProblem(422, "invalid").Pointers);
        }
    }

    [Fact]
    public async Task A_taken_reference_is_reported_before_an_unknown_patient()
    {
        await caraway.Post("/intakes", """{"full_name":"Pat","narrative":"n","external_reference":"taken-1"}""");

        var refused = await caraway.Post(
            "/intakes", """{"full_name":"Pat","narrative":"n","external_reference":"taken-1","patient_id":999999999}""");

        refused.IsProblem(409, "external_reference_used");
    }
}
