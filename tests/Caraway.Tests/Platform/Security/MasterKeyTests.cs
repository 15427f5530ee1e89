using Caraway.Platform.Hosting;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Security;

public sealed class MasterKeyTests : IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    private PrivateFolder Here => new(folder.FullName);

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public void The_key_is_a_private_file_that_stays_the_same_without_a_setting()
    {
        var first = MasterKey.Read(null, Here).Derive("a purpose");

        Assert.Equal(first, MasterKey.Read(" ", Here).Derive("a purpose"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Here.FileIn("master.key")));
    }

    [Fact]
    public void A_setting_is_used_instead_of_a_file()
    {
        var setting = new string('k', 32);

        Assert.Equal(MasterKey.Read(setting, Here).Derive("p"), MasterKey.Read($" {setting}\n", Here).Derive("p"));
        Assert.False(File.Exists(Here.FileIn("master.key")));
    }

    [Fact]
    public void Each_purpose_has_its_own_key()
    {
        var master = MasterKey.Read(new string('k', 32), Here);

        Assert.Equal(32, master.Derive("one").Length);
        Assert.NotEqual(master.Derive("one"), master.Derive("two"));
        Assert.NotEqual(master.Derive("one"), MasterKey.Read(new string('l', 32), Here).Derive("one"));
    }

    [Fact]
    public void A_short_key_stops_the_program_and_is_not_printed()
    {
        var refusal = Assert.Throws<CommandException>(() => MasterKey.Read(new string('k', 31), Here));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.DoesNotContain("kkk", refusal.Message, StringComparison.Ordinal);
    }
}
