using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Caraway.Platform.Audit;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;

namespace Caraway.Commands;

/// <summary><c>caraway audit verify|checkpoint|erase</c>: whether the event log is as it was written, and proof of it for later.</summary>
internal static class AuditCommand
{
    public static Command Create()
    {
        var file = new Option<FileInfo?>("--checkpoint") { Description = "A checkpoint that was kept elsewhere: shows what was cut off or written anew since.", HelpName = "FILE" };
        var unsealed = new Option<int>("--unsealed-after") { Description = "How many seconds an event may have no position yet.", HelpName = "SECONDS", DefaultValueFactory = _ => 300 };
        var verify = new Command("verify", "Recompute the chain over all events and access records; exit code 3 when something does not hold.") { file, unsealed };
        verify.SetAction((parsed, cancel) => Verify(parsed.GetValue(file), parsed.GetValue(unsealed), cancel));

        var checkpoint = new Command("checkpoint", "Print how far the chain is, signed. Keep it where the database's administrators cannot write.");
        checkpoint.SetAction((_, cancel) => TakeCheckpoint(cancel));

        var id = new Argument<long>("EVENT") { Description = "The event's id, as /api/v1/audit-logs shows it." };
        var reason = new Option<string>("--reason") { Description = "Why; it is recorded.", Required = true, HelpName = "TEXT" };
        var erase = new Command("erase", "Erase what an event says, for good. That it happened stays, and the chain holds.") { id, reason };
        erase.SetAction((parsed, cancel) => Erase(parsed.GetValue(id), parsed.GetValue(reason)!, cancel));
        return new Command("audit", "The event log: verify it, prove it, erase from it.") { verify, checkpoint, erase };
    }

    private static async Task<int> Verify(FileInfo? file, int unsealedAfter, CancellationToken cancel)
    {
        var configuration = Settings.Load();
        var home = PrivateFolder.Find();
        if (unsealedAfter < 0)
            throw new CommandException(ExitCode.BadInput, "--unsealed-after must be a number of seconds.");
        var checkpoint = file is null ? null : Checkpoint.Read(await Read(file, cancel), MasterKey.Read(configuration["MasterKey"], home));
        await using var workspace = await Workspace.Open(configuration, home, cancel);
        await new Migrator(workspace.Source, Migrator.Embedded).Check(cancel);
        var began = Stopwatch.StartNew();
        var found = await new ChainVerifier(workspace.Source, TimeProvider.System).Verify(checkpoint, TimeSpan.FromSeconds(unsealedAfter), cancel);
        foreach (var problem in found.Problems)
            await Console.Error.WriteLineAsync(problem);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{found.Entries:#,0} entries hold ({found.Erased:#,0} erased, {found.AccessRecords:#,0} access records), {found.Unsealed:#,0} events are not sealed yet; {began.Elapsed.TotalSeconds:0.0} s."));
        if (found.Problems.Count > 0)
            return ExitCode.Tampered;
        Console.WriteLine(checkpoint is null ? "The chain holds. Only a checkpoint shows whether its end was cut off." : $"The chain holds, and it is the one of the checkpoint of {checkpoint.At}.");
        return ExitCode.Done;
    }

    private static async Task<int> TakeCheckpoint(CancellationToken cancel)
    {
        var configuration = Settings.Load();
        var home = PrivateFolder.Find();
        await using var workspace = await Workspace.Open(configuration, home, cancel);
        await new Migrator(workspace.Source, Migrator.Embedded).Check(cancel);
        await using var database = new Database(workspace.Source);
        var checkpoint = await Checkpoint.Take(database, MasterKey.Read(configuration["MasterKey"], home), TimeProvider.System.GetUtcNow().UtcDateTime, cancel)
            ?? throw new CommandException(ExitCode.BadInput, "No event has its position yet; there is nothing to prove.");
        Console.WriteLine(JsonSerializer.Serialize(checkpoint, PlatformJson.Default.Checkpoint));
        return ExitCode.Done;
    }

    private static async Task<int> Erase(long id, string reason, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(reason) || reason.Length > 500 || reason.Contains('\0', StringComparison.Ordinal))
            throw new CommandException(ExitCode.BadInput, "--reason must say why, in at most 500 characters.");
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        await new Migrator(workspace.Source, Migrator.Embedded).Check(cancel);
        await using var database = new Database(workspace.Source);
        if (!await EraseEvent.Do(id, reason.Trim(), database, TimeProvider.System.GetUtcNow().UtcDateTime, cancel))
            throw new CommandException(ExitCode.BadInput, "There is no such event, it is erased already, or it is one that the audit itself stands on.");
        Console.WriteLine("erased");
        return ExitCode.Done;
    }

    private static async Task<string> Read(FileInfo file, CancellationToken cancel)
    {
        if (!file.Exists)
            throw new CommandException(ExitCode.BadInput, $"There is no file {file.Name}.");
        return await File.ReadAllTextAsync(file.FullName, cancel);
    }
}
