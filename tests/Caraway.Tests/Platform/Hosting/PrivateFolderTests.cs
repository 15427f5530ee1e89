using Caraway.Platform.Hosting;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Hosting;

public sealed class PrivateFolderTests : IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    private PrivateFolder Here => new(folder.FullName);

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public void A_secret_is_made_once_and_read_after_that()
    {
        var secret = Here.ReadOrCreateSecret("thing");

        Assert.Matches("^[0-9a-f]{64}$", secret);
        Assert.Equal(secret, Here.ReadOrCreateSecret("thing"));
        Assert.NotEqual(secret, Here.ReadOrCreateSecret("other"));
    }

    [Fact]
    public void Only_its_owner_may_read_a_secret()
    {
        Here.ReadOrCreateSecret("thing");

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Here.FileIn("thing")));
        var files = Directory.EnumerateFiles(Here.State).Select(Path.GetFileName).Order(StringComparer.Ordinal);
        Assert.Equal(["secrets.lock", "thing"], files);
    }

    [Fact]
    public async Task Simultaneous_creators_agree_on_one_secret()
    {
        for (var round = 0; round < 20; round++)
        {
            var name = $"thing{round}";
            using var start = new Barrier(8);
            var secrets = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait(TimeSpan.FromSeconds(10));
                    return Here.ReadOrCreateSecret(name);
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default)));

            Assert.Matches("^[0-9a-f]{64}$", Assert.Single(secrets.Distinct(StringComparer.Ordinal)));
        }
    }

    [Fact]
    public void An_empty_file_is_not_a_secret()
    {
        Here.Create();
        File.WriteAllText(Here.FileIn("thing"), "\n");

        Assert.Matches("^[0-9a-f]{64}$", Here.ReadOrCreateSecret("thing"));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_explained()
    {
        var file = Path.Combine(folder.FullName, "file");
        File.WriteAllText(file, "");

        var refusal = Assert.Throws<CommandException>(() => new PrivateFolder(file).Create());

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains("CARAWAY_HOME", refusal.Message, StringComparison.Ordinal);
    }
}
