using Caraway.Tests.Infrastructure;
using Npgsql;

namespace Caraway.Tests.Platform.Audit;

/// <summary>An access is recorded although the database goes away between the answer and the write.</summary>
public sealed class AccessLogAwayTests(CarawayFixture caraway, PostgresServer postgres) : IClassFixture<CarawayFixture>
{
    private string Name => new NpgsqlConnectionStringBuilder(caraway.Database.Address).Database!;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Records_survive_a_database_that_is_away(bool isReadAgain)
    {
        var id = await caraway.OpenCase();
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("AccessLog:DelayMilliseconds", "1000"));
        var shown = new List<Answer>();
        for (var i = 0; i < 10; i++)
            shown.Add(await CarawayFixture.Send(own.Client, HttpMethod.Get, $"/cases/{id}", null));
        await postgres.Maintain($"alter database {Name} with allow_connections false");
        await postgres.Maintain($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{Name}'");
        await Task.Delay(2_500);
        await postgres.Maintain($"alter database {Name} with allow_connections true");
        // The first statement may meet a connection that was cut.
        await EventFlow.Until(async () => (await caraway.Get("/cases")).Status == 200);
        Assert.Equal(0, await Count(shown));

        if (isReadAgain)
            await EventFlow.Until(async () => (await CarawayFixture.Send(own.Client, HttpMethod.Get, $"/cases/{id}", null)).Status == 200);
        await EventFlow.Until(async () => await Count(shown) > 0, TimeSpan.FromSeconds(5));

        Assert.Equal(shown.Count, await Count(shown));
        await Task.Delay(1_500);
        Assert.Equal(shown.Count, await Count(shown));
    }

    /// <summary>Uses a new connection, because the connections of the pool were cut.</summary>
    private async Task<long> Count(IEnumerable<Answer> answers)
    {
        var address = new NpgsqlConnectionStringBuilder(caraway.Database.Address) { Pooling = false };
        await using var connection = new NpgsqlConnection(address.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            "select count(*) from platform.access_log where request_id = any(@requests)", connection);
        command.Parameters.AddWithValue("requests", answers.Select(answer => answer.Headers["X-Request-Id"]).ToArray());
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
