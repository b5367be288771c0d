import FastPath
