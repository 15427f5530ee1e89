using System.CommandLine;

namespace Caraway.Commands;

internal static class ImportCommand
{
    public static Command Create() => new("import", "Bring in records from files.");
}
