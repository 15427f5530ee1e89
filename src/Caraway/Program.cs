using System.CommandLine;
using Caraway.Commands;

var root = new RootCommand("Caraway: one program for the desks around a patient.")
{
    ServeCommand.Create(),
    MigrateCommand.Create(),
    ImportCommand.Create(),
    AdminCommand.Create(),
    ApiKeyCommand.Create(),
    JobsCommand.Create(),
    EventsCommand.Create(),
    AuditCommand.Create(),
    TestCommand.Create(),
};

return await Run.ToExitCode(root.Parse(args));
