using System.CommandLine;
using System.Globalization;
using Caraway.Identity.Keys;
using Caraway.Platform.Hosting;

namespace Caraway.Commands;

/// <summary><c>caraway apikey create|list|revoke</c>.</summary>
internal static class ApiKeyCommand
{
    public static Command Create()
    {
        var name = new Option<string>("--name") { Description = "The system that uses the key.", Required = true, HelpName = "NAME" };
        var scope = new Option<string[]>("--scope")
        {
            Description = "A permission of the key, or module:* for all permissions of a module. Repeat it for several.",
            Required = true,
            HelpName = "SCOPE",
            Arity = ArgumentArity.OneOrMore,
        };
        var expires = new Option<string?>("--expires")
        {
            Description = "The last day on which the key is valid, or a time, in UTC. Without it, the key does not expire.",
            HelpName = "2027-01-31",
        };
        var create = new Command("create", "Make a key and print it alone on standard output. It is shown only this once.")
        {
            name, scope, expires,
        };
        create.SetAction((parsed, cancel) => RunCreate(parsed.GetValue(name)!, parsed.GetValue(scope)!, parsed.GetValue(expires), cancel));

        var list = new Command("list", "List the keys. Each is shown by its first characters.");
        list.SetAction((_, cancel) => RunList(cancel));

        var key = new Argument<string>("KEY") { Description = "The first characters of the key or its number, as the list shows them." };
        var revoke = new Command("revoke", "Revoke a key. Every process refuses it within a second.") { key };
        revoke.SetAction((parsed, cancel) => RunRevoke(parsed.GetValue(key)!, cancel));
        return new Command("apikey", "Manage the keys of other systems.") { create, list, revoke };
    }

    private static Task<int> RunCreate(string name, string[] scopes, string? expires, CancellationToken cancel) => Workspace.Use(
        Schema.Migrated,
        async workspace =>
        {
            Console.WriteLine(await ManageApiKeys.Create(name, scopes, ParseExpiry(expires), workspace.Database, Workspace.Now, cancel));
            return ExitCode.Done;
        },
        cancel);

    private static Task<int> RunList(CancellationToken cancel) => Workspace.Use(
        Schema.Migrated,
        async workspace =>
        {
            var keys = await ManageApiKeys.List(workspace.Database, cancel);
            var now = Workspace.Now;
            Terminal.WriteTable(
                ["id", "key", "state", "used", "scopes", "name"],
                [.. keys.Select(key => Describe(key, now))],
                "There are no API keys.");
            return ExitCode.Done;
        },
        cancel);

    private static Task<int> RunRevoke(string key, CancellationToken cancel) => Workspace.Use(
        Schema.Migrated,
        async workspace =>
        {
            if (await ManageApiKeys.Revoke(key.TrimEnd('…'), workspace.Database, Workspace.Now, cancel) == 0)
                throw new CommandException(ExitCode.BadInput, "This key does not exist, or it is revoked already.");
            Console.WriteLine("revoked");
            return ExitCode.Done;
        },
        cancel);

    /// <summary>A key is valid until the end of its last day.</summary>
    private static DateTime? ParseExpiry(string? text)
    {
        if (text is null)
            return null;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            return day.AddDays(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc);
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.UtcDateTime
            : throw new CommandException(
                ExitCode.BadInput, "--expires must be a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z.");
    }

    private static string[] Describe(ManageApiKeys.Listed key, DateTime now)
    {
        var state = key switch
        {
            { RevokedAt: { } revoked } => "revoked " + ToDay(revoked),
            { ExpiresAt: { } expires } => (expires <= now ? "expired " : "good to ") + ToDay(expires),
            _ => "good",
        };
        var used = key.LastUsedAt is { } time ? "used " + ToDay(time) : "never used";
        return [key.Id.ToString(CultureInfo.InvariantCulture), key.Prefix + "…", state, used, key.Scopes, $"({key.Name})"];
    }

    private static string ToDay(DateTime time) => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
