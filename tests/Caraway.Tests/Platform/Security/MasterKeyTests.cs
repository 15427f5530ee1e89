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
    public void Without_a_setting_the_key_is_a_private_file_and_stays_the_same()
    {
        var first = MasterKey.Read(null, Here).Derive("a purpose");

        Assert.Equal(first, MasterKey.Read(" ", Here).Derive("a purpose"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Here.FileIn("master.key")));
    }

    [Fact]
    public void A_setting_is_used_and_no_file_is_written()
    {
        var setting = new string('k', 32);

        Assert.Equal(MasterKey.Read(setting, Here).Derive("p"), MasterKey.Read($" {setting}\n", Here).Derive("p"));
        Assert.False(File.Exists(Here.FileIn("master.key")));
    }

    [Fact]
    public void Each_purpose_has_a_key_of_its_own()
    {
        var master = MasterKey.Read(new string('k', 32), Here);

        Assert.Equal(32, master.Derive("one").Length);
        Assert.NotEqual(master.Derive("one"), master.Derive("two"));
        Assert.NotEqual(master.Derive("one"), MasterKey.Read(new string('l', 32), Here).Derive("one"));
    }

    [Fact]
    public void A_short_key_stops_the_program_and_is_not_repeated()
    {
        var refusal = Assert.Throws<CommandException>(() => MasterKey.Read(new string('k', 31), Here));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.DoesNotContain("kkk", refusal.Message, StringComparison.Ordinal);
    }
}
