using System.Diagnostics;

namespace Mazij.Cli.Tests.LiveView;

/// <summary><c>mazij train</c> on a real pseudo-terminal, that of script(1), whose screen is computed from what comes out.</summary>
internal sealed class TerminalRun : IDisposable
{
    private readonly Process script;
    private readonly string processFile;
    private readonly System.Text.Decoder decoder = System.Text.Encoding.UTF8.GetDecoder();
    private readonly byte[] bytes = new byte[4096];
    private string pending = "";

    /// <summary>Starts a run.</summary>
    /// <param name="columns">The size that the terminal says it has.</param>
    /// <param name="rows">As above.</param>
    /// <param name="screen">The size of the screen that is computed.</param>
    /// <param name="processFile">Gets the id of the run's process, which runs in its folder.</param>
    /// <param name="arguments">Of <c>mazij train</c>, as a shell reads them.</param>
    /// <param name="environment">Variables to set.</param>
    public TerminalRun(
        int columns, int rows, (int Columns, int Rows) screen, string processFile, string arguments,
        params (string Name, string Value)[] environment)
    {
        string program = typeof(CommandLine).Assembly.Location;
        ProcessStartInfo start = new(
            "script", ["-qefc", $"stty cols {columns} rows {rows}; echo $$ > '{processFile}'; exec dotnet '{program}' train {arguments}", "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetDirectoryName(processFile),
        };
        foreach (string name in (string[])["CI", "NO_COLOR", "COLORTERM", "LC_ALL", "LC_CTYPE"])
            start.Environment.Remove(name);
        start.Environment["TERM"] = "xterm-256color";
        start.Environment["LANG"] = "C.UTF-8";
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        Screen = new VirtualTerminal(screen.Columns, screen.Rows);
        script = Process.Start(start)!;
        this.processFile = processFile;
    }

    /// <summary>Whether this system can do it.</summary>
    public static bool IsPossible => !OperatingSystem.IsWindows() && File.Exists("/usr/bin/script");

    /// <summary>The terminal's screen.</summary>
    public VirtualTerminal Screen { get; }

    /// <summary>Everything that was written to the terminal.</summary>
    public System.Text.StringBuilder Written { get; } = new();

    /// <summary>Whether what was read so far ends with a whole frame.</summary>
    public bool IsBetweenFrames => Written.Length >= 8 && Written.ToString(Written.Length - 8, 8) == "\e[?2026l";

    /// <summary>The run's process.</summary>
    public int Id => int.Parse(File.ReadAllText(processFile), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Reads until something holds, or the run has ended.</summary>
    /// <returns>Whether it held.</returns>
    public bool ReadUntil(Func<VirtualTerminal, bool> holds)
    {
        while (!holds(Screen))
        {
            if (!Read())
                return holds(Screen);
        }
        return true;
    }

    /// <summary>Reads to the run's end and returns its exit code.</summary>
    public int ReadToEnd()
    {
        while (Read())
        {
        }
        script.WaitForExit();
        return script.ExitCode;
    }

    /// <summary>Types on the terminal.</summary>
    public void Type(string keys)
    {
        script.StandardInput.Write(keys);
        script.StandardInput.Flush();
    }

    /// <summary>Closes the terminal while the run goes on.</summary>
    public void Vanish() => script.Kill();

    public void Dispose()
    {
        if (!script.HasExited)
            script.Kill(entireProcessTree: true);
        script.Dispose();
    }

    private bool Read()
    {
        int count = script.StandardOutput.BaseStream.Read(bytes);
        if (count == 0)
        {
            Screen.Write(pending);
            pending = "";
            return false;
        }
        char[] text = new char[decoder.GetCharCount(bytes, 0, count)];
        decoder.GetChars(bytes, 0, count, text, 0);
        Written.Append(text);
        pending += new string(text);
        // A sequence that a read cut in two waits for its rest.
        int cut = pending.LastIndexOf('\e');
        string whole = cut >= 0 && pending.Length - cut < 24 ? pending[..cut] : pending;
        pending = pending[whole.Length..];
        Screen.Write(whole);
        return true;
    }
}
