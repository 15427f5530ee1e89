using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Caraway.Platform.Hosting;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;
using Caraway.Tests.Platform.Events;

namespace Caraway.Tests.Commands;

/// <summary><c>caraway audit</c> and <c>caraway events</c> as processes, on a database of their own.</summary>
public sealed class AuditCommandTests(PostgresServer postgres) : IAsyncLifetime
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.Create();
        await TestEventLog.Fill(database);
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_checkpoint_is_JSON_and_fits_the_chain_until_the_chain_changes()
    {
        var checkpoint = await TakeCheckpoint();
        var json = JsonDocument.Parse(await File.ReadAllTextAsync(checkpoint)).RootElement;
        Assert.Equal(["position", "hash", "at", "signature"], json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(TestEventLog.Events, json.GetProperty("position").GetInt64());
        var hash = await database.Scalar<string>("select encode(hash, 'hex') from platform.chain where position = 30");
        Assert.Equal(hash, json.GetProperty("hash").GetString());

        var without = await Audit("verify");
        Assert.Equal(0, without.ExitCode);
        Assert.Contains(
            "30 entries hold (0 erased, 5 access records), 0 events are not sealed yet", without.Output, StringComparison.Ordinal);
        Assert.Contains("Only a checkpoint shows whether its end was cut off.", without.Output, StringComparison.Ordinal);
        var with = await Audit("verify", "--checkpoint", checkpoint);
        Assert.Equal(0, with.ExitCode);
        var at = json.GetProperty("at").GetString();
        Assert.Contains($"it is the chain of the checkpoint of {at}.", with.Output, StringComparison.Ordinal);

        await database.Execute("update platform.events set actor = 'user:99' where id = 20");
        foreach (var arguments in new[] { new[] { "verify" }, ["verify", "--checkpoint", checkpoint] })
        {
            var found = await Audit(arguments);
            Assert.Equal(3, found.ExitCode);
            Assert.Contains("Position 18: event 20 does not fit the chain", found.Output, StringComparison.Ordinal);
            Assert.Contains("17 entries hold", found.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("The chain holds", found.Output, StringComparison.Ordinal);
        }

        await database.Execute(TestEventLog.Rewrite);
        Assert.Equal(0, (await Audit("verify")).ExitCode);
        var rewritten = await Audit("verify", "--checkpoint", checkpoint);
        Assert.Equal(3, rewritten.ExitCode);
        Assert.Contains("was rewritten", rewritten.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_changed_in_any_field_or_signed_with_another_key_is_refused()
    {
        var text = await File.ReadAllTextAsync(await TakeCheckpoint());
        var zero = new string('0', 64);
        var signature = (string)JsonNode.Parse(text)!["signature"]!;
        foreach (var (field, value) in new (string, JsonNode)[]
        {
            ("position", 29), ("position", long.MaxValue), ("hash", zero), ("at", "2020-01-01T00:00:00Z"), ("at", ""),
            ("signature", zero), ("signature", "0"), ("signature", signature.ToUpperInvariant()), ("signature", signature + " "),
        })
        {
            var changed = JsonNode.Parse(text)!;
            changed[field] = value;
            var refused = await Audit("verify", "--checkpoint", await Write(changed.ToJsonString()));
            Assert.True(refused.ExitCode == 3, $"{field} {value}: {refused.ExitCode} {refused.Output}");
            Assert.Contains(
                "was changed after it was signed, or it was signed with another master key", refused.Output, StringComparison.Ordinal);
        }

        var other = new Dictionary<string, string>(Settings(), StringComparer.Ordinal)
        {
            ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master + "!",
        };
        Assert.Equal(3, (await CarawayProcess.Run(other, "audit", "verify", "--checkpoint", await Write(text))).ExitCode);
    }

    [Fact]
    public async Task A_bad_checkpoint_file_and_a_missing_file_are_explained()
    {
        var signed = (JsonObject)JsonNode.Parse(await File.ReadAllTextAsync(await TakeCheckpoint()))!;
        string Without(string field)
        {
            var copy = (JsonObject)signed.DeepClone();
            copy.Remove(field);
            return copy.ToJsonString();
        }

        string With(string field, JsonNode? value)
        {
            var copy = (JsonObject)signed.DeepClone();
            copy[field] = value;
            return copy.ToJsonString();
        }

        string[] files =
        [
            "", "null", "[]", "{}", "no json", "\"text\"", signed.ToJsonString()[..^1],
            Without("position"), Without("hash"), Without("at"), Without("signature"),
            With("position", 0), With("position", -1), With("position", "30"), With("position", 1.5),
            With("hash", null), With("hash", "00"), With("hash", new string('G', 64)),
            With("at", null), With("signature", null), With("signature", ""), With("signature", 5),
            signed.ToJsonString().Replace("\"at\":\"", "\"at\":\"\\ud800", StringComparison.Ordinal),
        ];
        foreach (var file in files)
            IsBadInput(await Audit("verify", "--checkpoint", await Write(file)), "The file is not a checkpoint", file);
        var missing = Path.Combine(folder.FullName, "missing.json");
        IsBadInput(await Audit("verify", "--checkpoint", missing), $"There is no file {missing}.", "missing");
        IsBadInput(await Audit("verify", "--checkpoint", folder.FullName), "There is no file", "folder");
        Assert.Equal(2, (await Audit("verify", "--checkpoint")).ExitCode);
        Assert.Equal(2, (await Audit("verify", "--checkpoint", "a", "b")).ExitCode);
        Assert.Equal(2, (await Audit("verify", "--unsealed-after", "soon")).ExitCode);
        Assert.Equal(2, (await Audit("verify", "--unsealed-after", "-1")).ExitCode);
    }

    [Fact]
    public async Task Events_without_a_position_are_a_finding_after_a_given_time()
    {
        await database.Execute(
            """
            insert into platform.events (at, name, subject, actor, payload) values (now() - interval '1 minute', 'a', 'b', 'c', '{}')
            """);

        var patient = await Audit("verify");
        Assert.Equal(0, patient.ExitCode);
        Assert.Contains("1 events are not sealed yet", patient.Output, StringComparison.Ordinal);
        var impatient = await Audit("verify", "--unsealed-after", "30");
        Assert.Equal(3, impatient.ExitCode);
        Assert.Contains("1 events wait for their position", impatient.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_is_erased_once_with_a_reason_and_the_chain_stays_valid()
    {
        var (exitCode, output) = await Audit("erase", "5", "--reason", " Widerruf der Zoë ");

        Assert.Equal(0, exitCode);
        Assert.Contains("erased", output, StringComparison.Ordinal);
        Assert.Equal("platform.event:5 command Widerruf der Zoë", await database.Scalar<string>(
            "select subject || ' ' || actor || ' ' || (payload::json ->> 'reason') from platform.events where name = 'event.erased'"));
        Assert.Equal(1, await database.Scalar<long>("select count(*) from platform.events where payload is null and salt is null"));
        foreach (var id in new[] { "5", "13", "27", "0", "9223372036854775807" })
            IsBadInput(await Audit("erase", id, "--reason", "again"), "This event does not exist, is erased already", id);
        string[][] incomplete =
        [
            ["erase", "6"], ["erase", "6", "--reason", " "], ["erase", "6", "--reason", new string('x', 501)],
            ["erase", "six", "--reason", "x"], ["erase", "--reason", "x"], ["erase"],
        ];
        foreach (var arguments in incomplete)
            Assert.Equal(2, (await Audit(arguments)).ExitCode);
        Assert.Equal(1, await database.Scalar<long>("select count(*) from platform.events where payload is null"));

        await TestEventLog.Sequence(database);
        var verified = await Audit("verify");
        Assert.Equal(0, verified.ExitCode);
        Assert.Contains("31 entries hold (1 erased", verified.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_needs_an_event()
    {
        await using var empty = await postgres.Create();
        var settings = new Dictionary<string, string>(Settings(), StringComparer.Ordinal) { ["DATABASE_URL"] = empty.Address };

        IsBadInput(await CarawayProcess.Run(settings, "audit", "checkpoint"), "No event has a position yet", "checkpoint");
        Assert.Equal(0, (await CarawayProcess.Run(settings, "audit", "verify")).ExitCode);
    }

    [Fact]
    public async Task Handlers_are_listed_and_receive_events_again()
    {
        await database.Execute(
            """
            insert into platform.event_cursors values ('test.handler', 28), ('test.other', 30);
            insert into platform.event_retries values
                ('test.handler', 7, 'a', 8, now(), true, 'x'), ('test.handler', 9, 'b', 1, now(), false, 'x'),
                ('test.other', 7, 'a', 8, now(), true, 'x')
            """);
        var list = await Events("list");
        Assert.Equal(0, list.ExitCode);
        Assert.Contains("2 behind, 1 waiting, 1 parked", Line(list.Output, "test.handler"), StringComparison.Ordinal);
        Assert.Contains("0 behind, 0 waiting, 1 parked", Line(list.Output, "test.other"), StringComparison.Ordinal);

        foreach (var (arguments, sentence) in new (string[], string)[]
        {
            (["replay", "--handler", "test.handler"], "either --from POSITION or --parked"),
            (["replay", "--handler", "test.handler", "--from", "3", "--parked"], "either --from POSITION or --parked"),
            (["replay", "--handler", "test.handler", "--from", "0"], "Positions begin at 1"),
            (["replay", "--handler", "test.handler", "--from", "-5"], ""),
            (["replay", "--handler", "nobody", "--from", "3"], "There is no handler nobody."),
            (["replay", "--handler", "", "--parked"], "There is no handler"),
            (["replay", "--handler", "test.handler", "--from", "one"], ""),
            (["replay", "--parked"], ""),
        })
            IsBadInput(await Events(arguments), sentence, string.Join(' ', arguments));
        Assert.Equal("test.handler 28, test.other 30", await Cursors());

        var parked = await Events("replay", "--handler", "test.handler", "--parked");
        Assert.Equal(0, parked.ExitCode);
        Assert.Contains("1 parked events are tried again", parked.Output, StringComparison.Ordinal);
        const string parkedFor = "select string_agg(handler, ' ') from platform.event_retries where parked";
        Assert.Equal("test.other", await database.Scalar<string>(parkedFor));

        var ahead = await Events("replay", "--handler", "test.handler", "--from", "29");
        Assert.Equal(0, ahead.ExitCode);
        Assert.Contains("Nothing has to be delivered again", ahead.Output, StringComparison.Ordinal);
        Assert.Equal("test.handler 28, test.other 30", await Cursors());

        var back = await Events("replay", "--handler", "test.handler", "--from", "8");
        Assert.Equal(0, back.ExitCode);
        Assert.Contains("was at position 28 and begins at 8 again", back.Output, StringComparison.Ordinal);
        Assert.Equal("test.handler 7, test.other 30", await Cursors());
        const string retries = "select string_agg(handler || ' ' || position, ', ' order by handler) from platform.event_retries";
        Assert.Equal("test.handler 7, test.other 7", await database.Scalar<string>(retries));
    }

    private static string Line(string output, string beginning) =>
        output.Split('\n').Single(line => line.StartsWith(beginning + " ", StringComparison.Ordinal));

    private static void IsBadInput((int ExitCode, string Output) run, string sentence, string what)
    {
        Assert.True(run.ExitCode == 2, string.Create(CultureInfo.InvariantCulture, $"{what}: {run.ExitCode} {run.Output}"));
        Assert.Contains(sentence, run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Output, StringComparison.Ordinal);
    }

    private async Task<string> Cursors() =>
        (await database.Scalar<string>(
            "select string_agg(handler || ' ' || position, ', ' order by handler) from platform.event_cursors"))!;

    private async Task<string> TakeCheckpoint()
    {
        var (exitCode, output) = await Audit("checkpoint");
        Assert.Equal(0, exitCode);
        return await Write(output);
    }

    private async Task<string> Write(string text)
    {
        var file = Path.Combine(folder.FullName, "checkpoint.json");
        await File.WriteAllTextAsync(file, text);
        return file;
    }

    private Task<(int ExitCode, string Output)> Audit(params string[] arguments) =>
        CarawayProcess.Run(Settings(), ["audit", .. arguments]);

    private Task<(int ExitCode, string Output)> Events(params string[] arguments) =>
        CarawayProcess.Run(Settings(), ["events", .. arguments]);

    private Dictionary<string, string> Settings() => new(StringComparer.Ordinal)
    {
        ["DATABASE_URL"] = database.Address,
        ["ENVIRONMENT"] = "development",
        ["CARAWAY_HOME"] = folder.FullName,
        ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
    };
}
