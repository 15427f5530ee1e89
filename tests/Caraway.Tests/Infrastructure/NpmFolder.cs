using System.Diagnostics;

namespace Caraway.Tests.Infrastructure;

/// <summary>A temporary folder with one npm package, for scripts that use it. Needs npm, and the network the first time.</summary>
internal sealed class NpmFolder : IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    private NpmFolder()
    {
    }

    /// <param name="package">Name and version: <c>jose@6.2.17</c>.</param>
    public static async Task<NpmFolder> Install(string package)
    {
        var npm = new NpmFolder();
        try
        {
            await npm.Write("package.json", """{"type":"module","private":true}""");
            await npm.Start("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", package);
            return npm;
        }
        catch
        {
            npm.Dispose();
            throw;
        }
    }

    public Task Write(string file, string text) => File.WriteAllTextAsync(PathOf(file), text);

    public Task<string> Read(string file) => File.ReadAllTextAsync(PathOf(file));

    /// <summary>Runs a module in this folder; it reads and writes files there.</summary>
    public async Task Run(string script)
    {
        await Write("script.mjs", script);
        await Start("node", "script.mjs");
    }

    public void Dispose() => folder.Delete(recursive: true);

    private string PathOf(string file) => Path.Combine(folder.FullName, file);

    private async Task Start(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder.FullName, UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}:\n{await output}\n{await error}");
    }
}
