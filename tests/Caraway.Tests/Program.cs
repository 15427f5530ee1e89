using Caraway.Tests.Infrastructure;
using Xunit.Runner.InProc.SystemConsole;

var exitCode = await ConsoleRunner.Run(args);
TestLog.End(exitCode);
return exitCode;
