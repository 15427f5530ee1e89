using System.CommandLine;
using System.Globalization;
using Caraway.Identity.Keys;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;

namespace Caraway.Commands;

/// <summary><c>caraway apikey create|list|revoke</c>.</summary>
internal static class ApiKeyCommand
{
    public static Command Create()
    {
        var name = new Option<string>("--name") { Description = "Which system it is for.", Required = true, HelpName = "NAME" };
        var scope = new Option<string[]>("--scope") { Description = "What it permits: a permission, or module:* for all of a module. More than once for several.", Required = true, HelpName = "SCOPE", Arity = ArgumentArity.OneOrMore };
        var expires = new Option<string?>("--expires") { Description = "The last day it is good for, or a time, in UTC; none: for ever.", HelpName = "2027-01-31" };
        var create = new Command("create", "Make a key and print it, this once, alone on standard output.") { name, scope, expires };
        create.SetAction((parsed, cancel) => With(cancel, async (database, now) =>
        {
            Console.WriteLine(await ManageApiKeys.Create(parsed.GetValue(name)!, parsed.GetValue(scope)!, Expiry(parsed.GetValue(expires)), database, now, cancel));
            return ExitCode.Done;
        }));

        var list = new Command("list", "List the keys by their beginnings.");
        list.SetAction((_, cancel) => With(cancel, async (database, now) =>
        {
            foreach (var key in await ManageApiKeys.List(database, cancel))
                Console.WriteLine($"{key.Id,4}  {key.Prefix}…  {State(key, now),-20}  used {Day(key.LastUsedAt, "never"),-10}  {key.Scopes}  ({key.Name})");
            return ExitCode.Done;
        }));

        var which = new Argument<string>("KEY") { Description = "Its beginning or its number, as the list shows them." };
        var revoke = new Command("revoke", "Refuse a key from now on, on every process within a second.") { which };
        revoke.SetAction((parsed, cancel) => With(cancel, async (database, now) =>
        {
            if (await ManageApiKeys.Revoke(parsed.GetValue(which)!.TrimEnd('…'), database, now, cancel) == 0)
                throw new CommandException(ExitCode.BadInput, "There is no such key, or it is revoked already.");
            Console.WriteLine("revoked");
            return ExitCode.Done;
        }));
        return new Command("apikey", "Keys for other systems.") { create, list, revoke };
    }

    private static async Task<int> With(CancellationToken cancel, Func<Database, DateTime, Task<int>> work)
    {
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        await workspace.PrepareSchema(cancel);
        await using var database = new Database(workspace.Source);
        return await work(database, TimeProvider.System.GetUtcNow().UtcDateTime);
    }

    /// <summary>A day is good to its end.</summary>
    private static DateTime? Expiry(string? text)
    {
        if (text is null)
            return null;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            return day.AddDays(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc);
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.UtcDateTime
            : throw new CommandException(ExitCode.BadInput, "--expires must be a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z.");
    }

    private static string State(ManageApiKeys.Listed key, DateTime now) =>
        key.RevokedAt is not null ? "revoked " + Day(key.RevokedAt, "") : key.ExpiresAt <= now ? "expired " + Day(key.ExpiresAt, "") : key.ExpiresAt is null ? "good" : "good to " + Day(key.ExpiresAt, "");

    private static string Day(DateTime? time, string never) => time?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? never;
}
