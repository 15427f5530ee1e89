using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Caraway.Tests.Platform.Http;

public sealed class IdempotencyKeyTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Intake = """{"full_name":"Ada Lovelace","narrative":"My plan denied the treatment."}""";

    private static int keys;

    public static TheoryData<string> WrongKeys =>
        new("", " ", "a b", "é", "a\tb", "\u007F", "\u0080", new string('k', 256), "a\r\nIdempotency-Key: a");

    [Fact]
    public async Task A_repeated_request_gets_the_first_answer_and_creates_nothing()
    {
        var key = NewKey();
        var first = await Post("/intakes", Intake, key);
        var before = await Cases();

        var second = await Post("/intakes", Intake, key);

        Assert.Equal((201, 201), (first.Status, second.Status));
        Assert.Equal(first.Body, second.Body);
        Assert.Equal(first.Headers["Location"], second.Headers["Location"]);
        Assert.Equal(first.Headers["Content-Type"], second.Headers["Content-Type"]);
        Assert.False(first.Headers.ContainsKey("Idempotent-Replayed"));
        Assert.Equal("true", second.Headers["Idempotent-Replayed"]);
        Assert.NotEqual(first.Headers["X-Request-Id"], second.Headers["X-Request-Id"]);
        Assert.Equal(before, await Cases());
    }

    [Theory]
    [InlineData("notes", """{"author":"Ada","body":"Called."}""", "advocacy.notes")]
    [InlineData("documents", """{"filename":"letter.pdf"}""", "advocacy.documents")]
    public async Task Notes_and_documents_can_be_repeated_too(string list, string body, string table)
    {
        var (id, key) = (await caraway.OpenCase(), NewKey());

        var first = await Post($"/cases/{id}/{list}", body, key);
        var second = await Post($"/cases/{id}/{list}", body, key);

        Assert.Equal((201, 201, first.Body, "true"), (first.Status, second.Status, second.Body, second.Headers["Idempotent-Replayed"]));
        Assert.Equal(1L, await caraway.Database.Scalar<long>($"select count(*) from {table} where case_id = {id}"));
    }

    [Fact]
    public async Task The_same_key_with_another_body_is_422()
    {
        var key = NewKey();
        await Post("/intakes", Intake, key);
        var before = await Cases();

        foreach (var other in new[] { Intake.Replace("Ada", "Bob", StringComparison.Ordinal), Intake + " " })
            (await Post("/intakes", other, key)).IsProblem(422, "idempotency_key_reused");
        Assert.Equal(before, await Cases());
    }

    [Fact]
    public async Task The_same_key_on_another_path_is_another_key()
    {
        var (one, two, key) = (await caraway.OpenCase(), await caraway.OpenCase(), NewKey());
        const string note = """{"author":"Ada","body":"Called."}""";

        foreach (var path in new[] { $"/cases/{one}/notes", $"/cases/{two}/notes" })
        {
            var answer = await Post(path, note, key);
            Assert.Equal(201, answer.Status);
            Assert.False(answer.Headers.ContainsKey("Idempotent-Replayed"));
        }
    }

    [Fact]
    public async Task A_trailing_slash_is_the_same_path()
    {
        var key = NewKey();
        var first = await Post("/intakes", Intake, key);

        var second = await Post("/intakes/", Intake, key);

        Assert.Equal(first.Body, second.Body);
    }

    [Fact]
    public async Task A_second_request_is_409_while_the_first_runs()
    {
        var (id, key) = (await caraway.OpenCase(), NewKey());
        const string note = """{"author":"Ada","body":"Called."}""";
        await using var other = await caraway.Database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand($"select 1 from advocacy.cases where id = {id} for update", other, transaction);
        await hold.ExecuteScalarAsync();

        var first = Post($"/cases/{id}/notes", note, key);
        await Waiting();
        var second = await Post($"/cases/{id}/notes", note, key);
        await transaction.RollbackAsync();

        second.IsProblem(409, "idempotency_key_in_use");
        Assert.Equal(201, (await first).Status);
        Assert.Equal("true", (await Post($"/cases/{id}/notes", note, key)).Headers["Idempotent-Replayed"]);
    }

    [Fact]
    public async Task Thirty_concurrent_requests_create_one_case()
    {
        var (key, before) = (NewKey(), await Cases());

        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Post("/intakes", Intake, key)));

        Assert.All(answers, answer => Assert.True(answer.Status is 201 or 409, answer.Body));
        Assert.Single(answers.Where(answer => answer.Status == 201).Select(answer => answer.Body).Distinct(StringComparer.Ordinal));
        Assert.Single(answers, answer => answer.Status == 201 && !answer.Headers.ContainsKey("Idempotent-Replayed"));
        Assert.Equal(before + 1, await Cases());
    }

    [Fact]
    public async Task A_refusal_is_not_stored()
    {
        var (key, reference) = (NewKey(), NewKey());
        var body = $$"""{"full_name":"Ada","narrative":"Denied.","external_reference":"{{reference}}"}""";

        Assert.Equal(422, (await Post("/intakes", "{}", key)).Status);
        Assert.Equal(400, (await Post("/intakes", "{", key)).Status);
        Assert.Equal(404, (await Post("/cases/0/notes", """{"author":"a","body":"b"}""", key)).Status);
        Assert.Equal(201, (await Post("/intakes", body, NewKey())).Status);
        (await Post("/intakes", body, key)).IsProblem(409, "external_reference_used");

        Assert.Equal(201, (await Post("/intakes", Intake, key)).Status);
    }

    [Fact]
    public async Task After_24_hours_a_key_is_new_again()
    {
        var key = NewKey();
        var first = await Post("/intakes", Intake, key);
        await caraway.Database.Execute("update platform.idempotency_keys set created_at = now() - interval '24 hours 1 second'");

        var second = await Post("/intakes", Intake.Replace("Ada", "Bob", StringComparison.Ordinal), key);
        var third = await Post("/intakes", Intake.Replace("Ada", "Bob", StringComparison.Ordinal), key);

        Assert.Equal(201, second.Status);
        Assert.NotEqual(first.Body, second.Body);
        Assert.Equal((second.Body, "true"), (third.Body, third.Headers["Idempotent-Replayed"]));
    }

    [Fact]
    public async Task Old_keys_are_deleted_and_young_ones_kept()
    {
        var cleanup = new IdempotencyCleanup(
            caraway.Services.GetRequiredService<IServiceScopeFactory>(), TimeProvider.System, NullLogger<IdempotencyCleanup>.Instance);
        await cleanup.RunOnce(CancellationToken.None);
        await caraway.Database.Execute("""
            insert into platform.idempotency_keys (key_hash, fingerprint, status, body, created_at)
            select sha256(n::text::bytea), '', 201, '', now() - make_interval(hours => case when n <= 2500 then 25 else 23 end)
            from generate_series(1, 2503) n
            """);

        Assert.Equal(2500, await cleanup.RunOnce(CancellationToken.None));
        Assert.Equal(0, await cleanup.RunOnce(CancellationToken.None));
        Assert.Equal(
            3L,
            await caraway.Database.Scalar<long>(
                "select count(*) from platform.idempotency_keys where created_at < now() - interval '22 hours'"));
    }

    [Theory]
    [MemberData(nameof(WrongKeys))]
    public async Task An_invalid_key_is_422(string key)
    {
        var body = Encoding.UTF8.GetBytes(Intake);
        var before = await Cases();

        var answer = await RawHttp.Send(
            caraway.Url,
            "POST /intakes",
            [
                $"X-API-Key: {CarawayFixture.ApiKey}", "Content-Type: application/json", $"Content-Length: {body.Length}",
                $"Idempotency-Key: {key}",
            ],
            body);

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/Idempotency-Key"], answer.Pointers);
        Assert.Equal(before, await Cases());
    }

    [Fact]
    public async Task A_key_of_255_visible_characters_is_accepted()
    {
        Assert.Equal(201, (await Post("/intakes", Intake, new string('k', 255))).Status);
        Assert.Equal(201, (await Post("/intakes", Intake, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")).Status);
    }

    [Fact]
    public async Task A_request_without_a_credential_ignores_the_header()
    {
        foreach (var key in new[] { NewKey(), "a b" })
        {
            var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Post, "/intakes", Intake, ("Idempotency-Key", key));
            answer.IsProblem(401, "api_key_required");
        }

    }

    [Fact]
    public async Task Neither_key_nor_body_can_be_found_or_guessed_in_the_database()
    {
        var key = NewKey();
        await Post("/intakes", Intake, key);
        byte[][] plain = [Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(Intake)];
        byte[][] guesses = [.. plain, .. plain.Select(SHA256.HashData), .. plain.Select(MD5.HashData)];

        await using var command = caraway.Database.Source.CreateCommand("select key_hash, fingerprint from platform.idempotency_keys");
        await using var reader = await command.ExecuteReaderAsync();
        var rows = 0;
        while (await reader.ReadAsync())
        {
            rows++;
            foreach (var column in new[] { (byte[])reader[0], (byte[])reader[1] }.Where(column => column.Length > 0))
                Assert.All(guesses, guess => Assert.Equal(-1, column.AsSpan().IndexOf(guess)));
        }

        Assert.True(rows > 0);
    }

    private static string NewKey() => $"key-{Interlocked.Increment(ref keys)}";

    private Task<Answer> Post(string path, string body, string key) => caraway.Post(path, body, ("Idempotency-Key", key));

    private Task<long> Cases() => caraway.Database.Scalar<long>("select count(*) from advocacy.cases");

    /// <summary>Waits until a statement waits for a locked row.</summary>
    private async Task Waiting()
    {
        for (var tries = 0; tries < 200; tries++)
        {
            if (await caraway.Database.Scalar<bool>(
                "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"))
                return;
            await Task.Delay(25);
        }

        Assert.Fail("The first request never waited.");
    }
}
