using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Caraway.Platform.Audit;
using Caraway.Platform.Hosting;

namespace Caraway.Commands;

/// <summary><c>caraway audit verify|checkpoint|erase</c>: verifies the event log, signs how far it is, and erases from it.</summary>
internal static class AuditCommand
{
    private const int DefaultUnsealedSeconds = 300;

    public static Command Create()
    {
        var file = new Option<FileInfo?>("--checkpoint")
        {
            Description = "A checkpoint that was kept elsewhere. It shows whether the chain was cut off or rewritten since then.",
            HelpName = "FILE",
        };
        var unsealed = NumberOption.Create(
            "--unsealed-after",
            "SECONDS",
            $"The longest time that an event may be without a position [default: {DefaultUnsealedSeconds}].");
        var verify = new Command("verify", "Recompute the chain over all events and access records. Exit code 3 when it does not hold.")
        {
            file, unsealed,
        };
        verify.SetAction((parsed, cancel) => RunVerify(parsed.GetValue(file), parsed.GetValue(unsealed) ?? DefaultUnsealedSeconds, cancel));

        var checkpoint = new Command(
            "checkpoint", "Print how far the chain is, signed. Keep it where the administrators of the database cannot write.");
        checkpoint.SetAction((_, cancel) => RunCheckpoint(cancel));

        var id = NumberOption.CreateArgument("EVENT", "The id of the event, as /api/v1/audit-logs shows it.");
        var reason = new Option<string>("--reason")
        {
            Description = "The reason of the erasure. It is recorded.",
            Required = true,
            HelpName = "TEXT",
        };
        var erase = new Command("erase", "Erase the content of an event for good. The event itself stays, and the chain holds.")
        {
            id, reason,
        };
        erase.SetAction((parsed, cancel) => RunErase(parsed.GetValue(id)!.Value, parsed.GetValue(reason)!, cancel));
        return new Command("audit", "Verify the event log, sign its state, and erase from it.") { verify, checkpoint, erase };
    }

    private static async Task<int> RunVerify(FileInfo? file, long unsealedAfter, CancellationToken cancel)
    {
        if (unsealedAfter is < 0 or > int.MaxValue)
            throw new CommandException(ExitCode.BadInput, "--unsealed-after must be a number of seconds.");
        var text = file is null ? null : await Read(file, cancel);
        return await Workspace.Use(
            Schema.Fits,
            async workspace =>
            {
                var checkpoint = text is null ? null : Checkpoint.Read(text, workspace.ReadMasterKey());
                var watch = Stopwatch.StartNew();
                var verifier = new ChainVerifier(workspace.Source, TimeProvider.System);
                var found = await verifier.Verify(checkpoint, TimeSpan.FromSeconds(unsealedAfter), cancel);
                foreach (var problem in found.Problems)
                    await Console.Error.WriteLineAsync(problem);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{found.Entries:#,0} entries hold ({found.Erased:#,0} erased, {found.AccessRecords:#,0} access records), "
                    + $"{found.Unsealed:#,0} events are not sealed yet; {watch.Elapsed.TotalSeconds:0.0} s."));
                if (found.Problems.Count > 0)
                    return ExitCode.Tampered;
                Console.WriteLine(checkpoint is null
                    ? "The chain holds. Only a checkpoint shows whether its end was cut off."
                    : $"The chain holds, and it is the chain of the checkpoint of {checkpoint.At}.");
                return ExitCode.Done;
            },
            cancel);
    }

    private static Task<int> RunCheckpoint(CancellationToken cancel) => Workspace.Use(
        Schema.Fits,
        async workspace =>
        {
            var checkpoint = await Checkpoint.Take(workspace.Database, workspace.ReadMasterKey(), Workspace.Now, cancel)
                ?? throw new CommandException(ExitCode.BadInput, "No event has a position yet. There is nothing to sign.");
            Console.WriteLine(JsonSerializer.Serialize(checkpoint, AuditJson.Default.Checkpoint));
            return ExitCode.Done;
        },
        cancel);

    private static Task<int> RunErase(long id, string reason, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(reason) || reason.Length > 500 || reason.Contains('\0', StringComparison.Ordinal))
            throw new CommandException(ExitCode.BadInput, "--reason must give the reason in at most 500 characters.");
        return Workspace.Use(
            Schema.Fits,
            async workspace =>
            {
                if (!await EraseEvent.Run(id, reason.Trim(), workspace.Database, Workspace.Now, cancel))
                {
                    throw new CommandException(
                        ExitCode.BadInput, "This event does not exist, is erased already, or is one that the audit itself depends on.");
                }

                Console.WriteLine("erased");
                return ExitCode.Done;
            },
            cancel);
    }

    private static async Task<string> Read(FileInfo file, CancellationToken cancel)
    {
        if (!file.Exists)
            throw new CommandException(ExitCode.BadInput, $"There is no file {file.FullName}.");
        return await File.ReadAllTextAsync(file.FullName, cancel);
    }
}
