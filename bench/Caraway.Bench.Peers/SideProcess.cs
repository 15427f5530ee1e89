using System.Diagnostics;

namespace Caraway.Bench.Peers;

/// <summary>The bench's end of a <see cref="SideProgram"/>.</summary>
internal sealed class SideProcess : IAsyncDisposable
{
    private readonly Process process;

    private SideProcess(Process process) => this.process = process;

    public int Id => process.Id;

    public static async Task<SideProcess> Start(SideOptions side, string address, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(SideProcess).Assembly.Location);
        start.ArgumentList.Add("side");
        start.ArgumentList.Add(side.ToString());
        start.Environment[SideProgram.AddressVariable] = address;
        var process = new SideProcess(Process.Start(start)!);
        await process.Answer("ready", cancel);
        return process;
    }

    public async Task Do(string order, CancellationToken cancel)
    {
        await process.StandardInput.WriteLineAsync(order.AsMemory(), cancel);
        await process.StandardInput.FlushAsync(cancel);
        await Answer("done", cancel);
    }

    /// <summary>kill -9.</summary>
    public async Task Kill()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>Lets it end by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }

        process.Dispose();
    }

    private async Task Answer(string expected, CancellationToken cancel)
    {
        // Libraries write to standard output, too.
        while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            if (line == expected)
                return;
        }

        throw new InvalidOperationException("The side's process has ended.");
    }
}
