using Caraway.Tests.Infrastructure;
using Npgsql;

namespace Caraway.Tests.Platform.Postgres;

public sealed class DatabaseAwayTests(CarawayFixture caraway, PostgresServer postgres) : IClassFixture<CarawayFixture>
{
    private string Name => new NpgsqlConnectionStringBuilder(caraway.Database.Address).Database!;

    [Theory]
    [InlineData("GET", "/cases", null)]
    [InlineData("GET", "/cases/1", null)]
    [InlineData("GET", "/cases/1/notes", null)]
    [InlineData("GET", "/cases/1/documents", null)]
    [InlineData("POST", "/intakes", """{"full_name":"Ada","narrative":"Denied."}""")]
    [InlineData("PATCH", "/cases/1", """{"status":"CLOSED"}""")]
    [InlineData("POST", "/cases/1/notes", """{"author":"a","body":"b"}""")]
    [InlineData("POST", "/cases/1/documents", """{"filename":"a.pdf"}""")]
    [InlineData("POST", "/internal/documents/1/process", null)]
    public async Task A_route_without_its_database_says_when_to_try_again(string method, string path, string? json)
    {
        await caraway.OpenCase();
        await Close();
        try
        {
            Refused(await caraway.Send(new HttpMethod(method), path, json));
            Refused(await caraway.Send(new HttpMethod(method), path, json, ("Idempotency-Key", "k")));
        }
        finally
        {
            await Open();
        }

        await caraway.OpenCase();
    }

    [Fact]
    public async Task A_cut_connection_is_503_once_and_is_then_replaced()
    {
        await caraway.OpenCase();
        await Cut();

        var first = await caraway.Get("/cases");
        var second = await caraway.Get("/cases");

        if (first.Status != 200)
            Refused(first);
        Assert.Equal(200, second.Status);
    }

    [Fact]
    public async Task A_statement_that_takes_too_long_is_503()
    {
        var id = await caraway.OpenCase();
        await caraway.Database.Execute($"alter database {Name} set statement_timeout = '300ms'");
        await Cut();
        await caraway.Get("/cases");
        // The connections of the pool were cut.
        var address = new NpgsqlConnectionStringBuilder(caraway.Database.Address) { Pooling = false };
        await using var other = new NpgsqlConnection(address.ConnectionString);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand($"select 1 from advocacy.cases where id = {id} for update", other, transaction);
        await hold.ExecuteScalarAsync();

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"CLOSED"}""");

        await transaction.RollbackAsync();
        await using var reset = new NpgsqlCommand($"alter database {Name} reset statement_timeout", other);
        await reset.ExecuteNonQueryAsync();
        await Cut();
        await caraway.Get("/cases");
        Refused(answer);
    }

    [Fact]
    public async Task Health_says_not_ready_and_the_process_still_lives()
    {
        await Close();
        try
        {
            foreach (var path in new[] { "/health", "/health/ready" })
            {
                var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, path, null);
                Assert.Equal(503, answer.Status);
                Assert.Equal(["status", "service", "version", "database"], answer.Json.EnumerateObject().Select(member => member.Name));
                Assert.Equal("not ready", answer.Json.GetProperty("status").GetString());
            }

            Assert.Equal(200, (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/health/live", null)).Status);
        }
        finally
        {
            await Open();
        }

        Assert.Equal(200, (await caraway.Get("/health/ready")).Status);
    }

    private static void Refused(Answer answer)
    {
        answer.IsProblem(503, "database_unavailable");
        Assert.InRange(int.Parse(answer.Headers["Retry-After"]), 1, 60);
        Assert.DoesNotContain("caraway_test", answer.Body, StringComparison.Ordinal);
    }

    private async Task Close()
    {
        await postgres.Maintain($"alter database {Name} with allow_connections false");
        await Cut();
    }

    private Task Open() => postgres.Maintain($"alter database {Name} with allow_connections true");

    private Task Cut() => postgres.Maintain($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{Name}'");
}
