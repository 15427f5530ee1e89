using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Caraway.Tests.Platform;

public sealed class IdempotencyKeyTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Body = """{"full_name":"Ada","narrative":"Denied."}""";

    [Fact]
    public async Task The_same_request_gets_the_same_answer_and_is_done_once()
    {
        var first = await caraway.Post("/intakes", Body, (IdempotencyKey.Header, "same"));
        var second = await caraway.Post("/intakes", Body, (IdempotencyKey.Header, "same"));

        Assert.Equal((201, 201), (first.Status, second.Status));
        Assert.Equal(first.Body, second.Body);
        Assert.Equal(first.Headers["Location"], second.Headers["Location"]);
        Assert.Equal(first.Headers["Content-Type"], second.Headers["Content-Type"]);
        Assert.False(first.Headers.ContainsKey(IdempotencyKey.Replayed));
        Assert.Equal("true", second.Headers[IdempotencyKey.Replayed]);
    }

    [Fact]
    public async Task Another_body_is_refused()
    {
        await caraway.Post("/intakes", Body, (IdempotencyKey.Header, "other"));
        var answer = await caraway.Post("/intakes", Body.Replace("Ada", "Bob", StringComparison.Ordinal), (IdempotencyKey.Header, "other"));
        answer.IsProblem(422, "idempotency_key_reused");
    }

    [Fact]
    public async Task Another_path_is_another_request()
    {
        var (one, two) = (await caraway.OpenCase(), await caraway.OpenCase());
        foreach (var id in new[] { one, two, one })
            Assert.Equal(201, (await caraway.Post($"/cases/{id}/notes", """{"author":"a","body":"b"}""", (IdempotencyKey.Header, "path"))).Status);

        Assert.Equal(2, await caraway.Database.Scalar<long>($"select count(*) from advocacy.notes where case_id in ({one}, {two})"));
    }

    [Fact]
    public async Task Documents_are_added_once_with_their_job()
    {
        var id = await caraway.OpenCase();
        for (var i = 0; i < 3; i++)
            Assert.Equal(201, (await caraway.Post($"/cases/{id}/documents", """{"filename":"a.pdf"}""", (IdempotencyKey.Header, "doc"))).Status);

        Assert.Equal(1, await caraway.Database.Scalar<long>($"select count(*) from platform.jobs j join advocacy.documents d on j.subject = 'advocacy.document:' || d.id where d.case_id = {id}"));
    }

    [Fact]
    public async Task Thirty_at_once_do_it_once()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ =>
            caraway.Post("/intakes", """{"full_name":"Thirty","narrative":"x"}""", (IdempotencyKey.Header, "thirty"))));

        Assert.Contains(answers, answer => answer.Status == 201);
        Assert.All(answers.Where(answer => answer.Status != 201), answer => answer.IsProblem(409, "idempotency_key_in_use"));
        Assert.Equal(1, await caraway.Database.Scalar<long>("select count(*) from advocacy.applicants where full_name = 'Thirty'"));
    }

    [Fact]
    public async Task A_refusal_is_not_stored()
    {
        var id = await caraway.OpenCase();
        (await caraway.Post($"/cases/{id + 1_000_000}/notes", """{"author":"a","body":"b"}""", (IdempotencyKey.Header, "refused"))).IsProblem(404, "case_not_found");
        (await caraway.Post($"/cases/{id}/notes", """{"author":"a"}""", (IdempotencyKey.Header, "invalid"))).IsProblem(422, "invalid");

        Assert.Equal(201, (await caraway.Post($"/cases/{id}/notes", """{"author":"a","body":"b"}""", (IdempotencyKey.Header, "invalid"))).Status);
    }

    [Fact]
    public async Task After_a_day_the_key_is_free_and_its_row_goes()
    {
        await caraway.Post("/intakes", Body, (IdempotencyKey.Header, "old"));
        await caraway.Database.Execute("update platform.idempotency_keys set created_at = created_at - interval '24 hours 1 second'");

        var again = await caraway.Post("/intakes", Body, (IdempotencyKey.Header, "old"));
        Assert.False(again.Headers.ContainsKey(IdempotencyKey.Replayed));

        await caraway.Database.Execute("update platform.idempotency_keys set created_at = created_at - interval '24 hours 1 second'");
        var cleanup = caraway.Services.GetServices<IHostedService>().OfType<IdempotencyCleanup>().Single();
        Assert.InRange(await cleanup.RunOnce(CancellationToken.None), 1, 1000);
        Assert.Equal(0, await caraway.Database.Scalar<long>("select count(*) from platform.idempotency_keys"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("schl\u00fcssel")]
    public async Task A_key_that_is_none_is_refused(string key) =>
        Assert.Equal(["#/Idempotency-Key"], (await caraway.Post("/intakes", Body, (IdempotencyKey.Header, key))).IsProblem(422, "invalid").Pointers);

    [Theory]
    [InlineData(255, 201)]
    [InlineData(256, 422)]
    public async Task A_key_has_at_most_255_characters(int length, int status) =>
        Assert.Equal(status, (await caraway.Post("/intakes", Body, (IdempotencyKey.Header, new string('k', length)))).Status);

    [Fact]
    public async Task A_stranger_gets_401_whatever_the_key()
    {
        await caraway.Post("/intakes", Body, (IdempotencyKey.Header, "stranger"));
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Post, "/intakes", Body, (IdempotencyKey.Header, "stranger"));
        answer.IsProblem(401, "api_key_required");
    }

    [Fact]
    public async Task Neither_key_nor_body_is_kept_plainly()
    {
        await caraway.Post("/intakes", """{"full_name":"Plainly","narrative":"visible"}""", (IdempotencyKey.Header, "plain-key"));

        Assert.Equal(0, await caraway.Database.Scalar<long>(
            "select count(*) from platform.idempotency_keys where key_hash = sha256('plain-key') or fingerprint = sha256('{\"full_name\":\"Plainly\",\"narrative\":\"visible\"}') or body::text like '%Plainly%'"));
        Assert.NotEqual(0, await caraway.Database.Scalar<long>("select count(*) from platform.idempotency_keys where length(key_hash) = 32 and length(fingerprint) = 32"));
    }
}
