# Completion for PowerShell, 5.1 or newer: dot-source it in $PROFILE.
#
# The wrapped command is completed by its own completion. The options are those of
# "k8s-token-cache --help": tests/it/completions.rs compares.

Register-ArgumentCompleter -Native -CommandName 'k8s-token-cache' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $verbs = @{
        '--inject'  = 'put the cache in front of the exec plugins in kubeconfigs'
        '--restore' = 'remove it again'
        '--list'    = 'show what is cached, never a token'
        '--explain' = 'show what the credential of a command depends on'
        '--clear'   = 'remove every credential, or that of a command or user'
        '--warm'    = 'fetch the credential of every injected user now'
        '--doctor'  = 'check kubeconfigs, plugins, cache and encryption key'
        '--help'    = 'show the usage'
        '--version' = 'show the version'
    }
    $keyEnv = @{ '--key-env' = 'environment variables to include in the cache key' }
    $restore = @{
        '--dry-run' = 'show what would change, and change nothing'
        '--quiet'   = 'print nothing, and wait for nothing'
        '--user'    = 'only this user of the kubeconfig'
    }
    $inject = $restore + @{
        '--command'  = 'the command to write, a name or a path'
        '--absolute' = 'write the paths of cache and plugin'
    }
    $list = @{ '--json' = 'for programs' }
    $explain = $keyEnv + @{ '--user' = 'explain the command of this user' }
    $clear = $keyEnv + @{ '--user' = 'remove the credential of this user' }

    # The words before the cursor, without the one that is being written.
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
            Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or
                ($_.Extent.EndOffset -eq $cursorPosition -and $wordToComplete -eq '') })
    $verb = ''
    $command = $null
    for ($i = 0; $i -lt $before.Count -and $null -eq $command; $i++) {
        $word = $before[$i].Extent.Text
        if ($verbs.Contains($word)) {
            $verb = $word
        } elseif ($word -in '--key-env', '--user', '--command') {
            $i++
        } elseif ($word -eq '--') {
            $command = if ($i + 1 -lt $before.Count) { $before[$i + 1] }
            break
        } elseif (-not $word.StartsWith('-') -and $verb -notin '--inject', '--restore', '--warm') {
            $command = $before[$i]
        }
    }
    $previous = if ($before.Count -gt 0) { $before[-1].Extent.Text } else { '' }

    function Complete-Word($words, $prefix = '') {
        $words | Where-Object { "$prefix$_" -like "$([WildcardPattern]::Escape($wordToComplete))*" } |
            ForEach-Object { [System.Management.Automation.CompletionResult]::new("$prefix$_") }
    }
    function Complete-Option($options) {
        $options.GetEnumerator() | Sort-Object Key | Where-Object { $_.Key.StartsWith($wordToComplete) } |
            ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_.Key, $_.Key, 'ParameterName', $_.Value)
            }
    }
    # kubectl knows which kubeconfigs count, and prints the heading NAME first.
    function Get-KubeconfigUser {
        kubectl config get-users 2>$null | Select-Object -Skip 1
    }

    if ($null -ne $command) {
        $start = $command.Extent.StartOffset
        $line = $commandAst.Extent.Text.Substring($start - $commandAst.Extent.StartOffset)
        $line = $line.PadRight($cursorPosition - $start).Substring(0, $cursorPosition - $start)
        [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches
        return
    }
    switch ($verb) {
        '--list' { Complete-Option $list; return }
        { $_ -in '--doctor', '--help', '--version' } { return }
        { $_ -in '--inject', '--restore' } {
            if ($previous -eq '--user') {
                Complete-Word (Get-KubeconfigUser)
            } elseif ($wordToComplete.StartsWith('--user=')) {
                Complete-Word (Get-KubeconfigUser) '--user='
            } elseif ($wordToComplete.StartsWith('-')) {
                Complete-Option $(if ($verb -eq '--inject') { $inject } else { $restore })
            }
            return
        }
        '--warm' { return }
    }
    if ($previous -eq '--key-env') {
        Complete-Word (Get-ChildItem env:).Name
    } elseif ($wordToComplete.StartsWith('--key-env=')) {
        Complete-Word (Get-ChildItem env:).Name '--key-env='
    } elseif ($verb -in '--explain', '--clear' -and $previous -eq '--user') {
        Complete-Word (Get-KubeconfigUser)
    } elseif ($verb -in '--explain', '--clear' -and $wordToComplete.StartsWith('--user=')) {
        Complete-Word (Get-KubeconfigUser) '--user='
    } elseif ($verb -eq '' -and ($wordToComplete -eq '' -or $wordToComplete.StartsWith('-'))) {
        # Without a letter typed, offer the options and not every command.
        Complete-Option ($verbs + $keyEnv)
    } elseif (-not $wordToComplete.StartsWith('-')) {
        [System.Management.Automation.CompletionCompleters]::CompleteCommand($wordToComplete)
    } elseif ($verb -eq '--explain') {
        Complete-Option $explain
    } elseif ($verb -eq '--clear') {
        Complete-Option $clear
    } else {
        Complete-Option $keyEnv
    }
}
