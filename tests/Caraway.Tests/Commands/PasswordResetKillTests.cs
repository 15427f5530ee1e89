using System.Globalization;
using System.Text;
using Caraway.Identity.Tokens;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>The server gets kill -9 ten times while many people use the one-time addresses for their new passwords.</summary>
[Trait("Category", "Long")]
public sealed class PasswordResetKillTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Users = 300;
    private const int Kills = 10;

    [Fact]
    public async Task Each_address_is_used_whole_or_not_at_all()
    {
        await using var database = await postgres.Create();
        var folder = TemporaryFolder.Create();
        var port = FreePort.Find();
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DATABASE_URL"] = database.Address,
            ["CARAWAY_HOME"] = folder.FullName,
            ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
            ["ENVIRONMENT"] = "development",
            ["PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["LOG_LEVEL"] = "trace",
            // About 20 ms for each password.
            ["Identity__PasswordIterations"] = "40000",
        };
        var tokens = await Fill(database);
        var logs = new StringBuilder();
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

        var random = new Random(20261125);
        var (midway, next) = (0, 0);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var server = CarawayProcess.Start(settings, "serve");
            await EventFlow.Until(() => Answers(client));
            var before = await Used(database);
            var uses = tokens.Skip(next).Take(Users / Kills).Select(token => Use(client, token)).ToList();
            next += Users / Kills;
            var enough = before + random.Next(1, Users / Kills - 5);
            while (await Used(database) < enough)
                await Task.Delay(1);
            server.Kill();
            await server.Exit();
            midway += (await Task.WhenAll(uses)).Contains(null) ? 1 : 0;
            logs.Append(server.Output);
        }

        // A user who got no answer tries again, and learns whether the first try was written.
        using (var last = CarawayProcess.Start(settings, "serve"))
        {
            await EventFlow.Until(() => Answers(client));
            var used = await Used(database);
            Assert.Equal(used, await Whole(database));
            await database.Execute("delete from identity.sign_in_attempts");
            var refused = 0;
            foreach (var token in tokens)
            {
                var status = await Use(client, token);
                if (status == 404)
                    refused++;
                if (refused % 50 == 49)
                    await database.Execute("delete from identity.sign_in_attempts");
                Assert.Contains(status, new int?[] { 204, 404 });
            }

            Assert.Equal(used, refused);
            last.Terminate();
            Assert.Equal(0, await last.Exit());
            logs.Append(last.Output);
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Kills} kills, {midway} of them during requests."));
        Assert.InRange(midway, 3, Kills);
        Assert.Equal(Users, await Whole(database));
        Assert.Equal(0, await database.Scalar<long>("select count(*) from identity.password_resets"));
        Assert.DoesNotContain(tokens, token => logs.ToString().Contains(token, StringComparison.Ordinal));
        folder.Delete(recursive: true);
    }

    /// <summary>Users with an open sign-in and a one-time address each.</summary>
    private static async Task<List<string>> Fill(TestDatabase database)
    {
        var tokens = Enumerable.Range(0, Users).Select(_ => OpaqueToken.Create()).ToList();
        await database.Execute($"""
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select n || '@example.org', n || '@example.org', 'User ' || n, 'old', 'patient', now(), now()
            from generate_series(1, {Users}) n order by n;
            insert into identity.sessions (id, user_id, created_at, expires_at)
            select gen_random_uuid(), id, now(), now() + interval '30 days' from identity.users;
            """);
        await using var command = database.Source.CreateCommand("""
            insert into identity.password_resets (user_id, token_hash, created_at, expires_at)
            select n, hash, now(), now() + interval '30 minutes' from unnest($1) with ordinality t (hash, n)
            """);
        command.Parameters.AddWithValue(tokens.Select(token => OpaqueToken.Hash(token)!).ToArray());
        await command.ExecuteNonQueryAsync();
        return tokens;
    }

    private static Task<long> Used(TestDatabase database) =>
        database.Scalar<long>($"select {Users} - count(*) from identity.password_resets");

    /// <summary>The number of users with everything that a used address does; all others have nothing of it.</summary>
    private static async Task<long> Whole(TestDatabase database)
    {
        const string parts = """
            select array[
                not exists (select from identity.password_resets r where r.user_id = u.id),
                u.password_hash <> 'old',
                u.version = 2,
                not exists (select from identity.sessions s where s.user_id = u.id and s.ended_at is null),
                (select count(*) from platform.events e
                    where e.subject = 'identity.user:' || u.id and e.name = 'user.password_changed') = 1] as parts
            from identity.users u where u.id <= 300
            """;
        Assert.Equal(0, await database.Scalar<long>($"select count(*) from ({parts}) p where true = any(parts) and false = any(parts)"));
        return await database.Scalar<long>($"select count(*) from ({parts}) p where true = all(parts)");
    }

    private static async Task<bool> Answers(HttpClient client)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <returns>The status; null without an answer.</returns>
    private static async Task<int?> Use(HttpClient client, string token)
    {
        try
        {
            using var body = new StringContent("""{"password":"chosen after the reset"}""", Encoding.UTF8, "application/json");
            using var answer = await client.PostAsync(new Uri("/api/v1/password-resets/" + token, UriKind.Relative), body);
            return (int)answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
